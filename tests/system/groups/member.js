// kafkajs as a member of a group; see ../test_groups.
const { Kafka, PartitionAssigners, AssignerProtocol, logLevel } = require('kafkajs')

const [bootstrap, topic, groupId] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'kafkajs', brokers: [bootstrap], logLevel: logLevel.ERROR, retry: { retries: 50, maxRetryTime: 500 } })

// Its own assigner under the name of the one that all others have.
const range = config => ({
  ...PartitionAssigners.roundRobin(config),
  name: 'range',
  protocol: ({ topics }) => ({ name: 'range', metadata: AssignerProtocol.MemberMetadata.encode({ version: 0, topics, userData: Buffer.alloc(0) }) }),
})

async function main() {
  const consumer = kafka.consumer({ groupId, partitionAssigners: [range], sessionTimeout: 6000, heartbeatInterval: 500, maxWaitTimeInMs: 200 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  process.stdin.resume()
  process.stdin.on('end', async () => {
    await consumer.disconnect()
    process.exit(0)
  })
  await consumer.run({
    autoCommit: false,
    eachBatch: async ({ batch, isRunning, isStale }) => {
      if (!isRunning() || isStale() || batch.messages.length === 0) return
      process.stdout.write(batch.messages.map(message => `${batch.partition}\t${message.offset}\n`).join(''))
      const next = (BigInt(batch.lastOffset()) + 1n).toString()
      await consumer.commitOffsets([{ topic, partition: batch.partition, offset: next }]).catch(error => console.error(`commit: ${error}`))
    },
  })
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
