"""aiokafka as a member of a group; see ../test_groups."""
import asyncio
import sys

from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import KafkaError


async def run(bootstrap, topic, group):
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, group_id=group, auto_offset_reset="earliest",
                                enable_auto_commit=False, session_timeout_ms=6000, heartbeat_interval_ms=500,
                                partition_assignment_strategy=[RangePartitionAssignor])
    await consumer.start()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    try:
        while not ended.done():
            found = await consumer.getmany(timeout_ms=200, max_records=100)
            for where, messages in found.items():
                for message in messages:
                    print(f"{where.partition}\t{message.offset}")
            sys.stdout.flush()
            if found:
                try:
                    await consumer.commit()
                except KafkaError as e:
                    print(f"commit: {e}", file=sys.stderr)
    finally:
        await consumer.stop()


asyncio.run(run(*sys.argv[1:]))
