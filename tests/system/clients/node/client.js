// kafkajs as a client of the node under test. See ../README.md for the commands.
const kafkajs = require('kafkajs')
const Cluster = require('kafkajs/src/cluster')
const { createLogger } = require('kafkajs/src/loggers')
const consoleLogger = require('kafkajs/src/loggers/console')
const socketFactory = require('kafkajs/src/network/socketFactory')
const lz4 = require('lz4-napi')
const { ZstdCodec } = require('zstd-codec')
const { CompressionTypes, CompressionCodecs } = kafkajs

// kafkajs has gzip itself; the others are plugged in from their packages.
CompressionCodecs[CompressionTypes.Snappy] = require('kafkajs-snappy')
CompressionCodecs[CompressionTypes.LZ4] = () => ({
  compress: async encoder => lz4.compressFrame(encoder.buffer),
  decompress: async buffer => lz4.decompressFrame(buffer),
})

const TIME_MS = Number(process.env.TIME_MS)
const CODECS = { none: 0, gzip: 1, snappy: 2, lz4: 3, zstd: 4 }

const [command, bootstrap, topic, ...rest] = process.argv.slice(2)
const kafka = new kafkajs.Kafka({ clientId: 'ottla-test', brokers: [bootstrap], logLevel: kafkajs.logLevel.ERROR })

async function create(partitions) {
  const admin = kafka.admin()
  await admin.connect()
  const made = await admin.createTopics({ topics: [{ topic, numPartitions: Number(partitions), replicationFactor: 1 }] })
  await admin.disconnect()
  if (!made) throw new Error(`${topic} was not created`)
}

async function produce(partition, codecName, count, prefix) {
  const producer = kafka.producer({ idempotent: true, maxInFlightRequests: 1 })
  await producer.connect()
  const messages = []
  for (let i = 0; i < Number(count); i++) {
    messages.push({
      partition: Number(partition), key: `${prefix}-k${i}`, value: `${prefix}-v${i} `.repeat(1 + (i % 7)),
      timestamp: String(TIME_MS + i), headers: { codec: codecName },
    })
  }
  await producer.send({ topic, messages, compression: CODECS[codecName] })
  await producer.disconnect()
}

// kafkajs's consumer reads through a group only, so reading by assignment goes to the layer below it.
async function consume(partitionText, countText, fromMs) {
  const partition = Number(partitionText)
  const count = Number(countText)
  let offset = '0'
  if (fromMs !== undefined) {
    const admin = kafka.admin()
    await admin.connect()
    offset = (await admin.fetchTopicOffsetsByTimestamp(topic, Number(fromMs))).find(p => p.partition === partition).offset
    await admin.disconnect()
  }
  const cluster = new Cluster({
    logger: createLogger({ level: kafkajs.logLevel.ERROR, logCreator: consoleLogger }), socketFactory: socketFactory(),
    brokers: [bootstrap], clientId: 'ottla-test', connectionTimeout: 5000, metadataMaxAge: 300000, retry: {},
    allowAutoTopicCreation: false, isolationLevel: 0,
  })
  await cluster.connect()
  await cluster.addTargetTopic(topic)
  const leader = cluster.findLeaderForPartitions(topic, [partition])
  const broker = await cluster.findBroker({ nodeId: Object.keys(leader)[0] })
  let seen = 0
  for (const deadline = Date.now() + 60000; seen < count && Date.now() < deadline;) {
    const { responses } = await broker.fetch({
      maxWaitTime: 500, minBytes: 1, maxBytes: 1048576, isolationLevel: 0,
      topics: [{ topic, partitions: [{ partition, fetchOffset: offset, maxBytes: 1048576 }] }],
    })
    for (const message of responses[0].partitions[0].messages) {
      // The first batch may begin before the offset that was asked for.
      if (BigInt(message.offset) < BigInt(offset) || seen === count) continue
      console.log([message.offset, message.timestamp, message.key, message.value].join('\t'))
      offset = String(BigInt(message.offset) + 1n)
      seen++
    }
  }
  await cluster.disconnect()
}

const commands = { create, produce, consume }
ZstdCodec.run(library => {
  // Frames written as a stream do not say how long their content is; only the streaming reader takes them.
  const zstd = new library.Streaming()
  CompressionCodecs[CompressionTypes.ZSTD] = () => ({
    compress: async encoder => Buffer.from(zstd.compress(encoder.buffer)),
    decompress: async buffer => Buffer.from(zstd.decompress(buffer)),
  })
  commands[command](...rest).then(() => process.exit(0), error => { console.error(error); process.exit(1) })
})
