"""aiokafka as a client of the node under test. See ../README.md for the commands."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

import records


async def create(bootstrap, topic, partitions):
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, int(partitions), 1)])
    finally:
        await admin.close()


async def produce(bootstrap, topic, partition, codec, count, prefix):
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, compression_type=None if codec == "none" else codec,
                                enable_idempotence=True)
    await producer.start()
    try:
        sent = [await producer.send(topic, value, key, int(partition), timestamp_ms=timestamp)
                for key, value, timestamp in records.make(prefix, int(count))]
        await asyncio.gather(*sent)
    finally:
        await producer.stop()


async def consume(bootstrap, topic, partition, count, from_ms=None):
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, auto_offset_reset="earliest")
    await consumer.start()
    where = TopicPartition(topic, int(partition))
    try:
        consumer.assign([where])
        if from_ms is None:
            await consumer.seek_to_beginning(where)
        else:
            consumer.seek(where, (await consumer.offsets_for_times({where: int(from_ms)}))[where].offset)
        for _ in range(int(count)):
            message = await asyncio.wait_for(consumer.getone(), 60)
            records.show(message.offset, message.timestamp, message.key, message.value)
    finally:
        await consumer.stop()


if __name__ == "__main__":
    asyncio.run({"create": create, "produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:]))
