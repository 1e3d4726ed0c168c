"""confluent-kafka (librdkafka) as a member of a group; see ../test_groups."""
import sys
import threading

from confluent_kafka import Consumer, KafkaException

bootstrap, topic, group = sys.argv[1:]
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": group, "auto.offset.reset": "earliest",
                     "enable.auto.commit": False, "session.timeout.ms": 6000, "heartbeat.interval.ms": 500,
                     "partition.assignment.strategy": "range"})
consumer.subscribe([topic])
while not ended.is_set():
    messages = consumer.consume(100, 0.2)
    for message in messages:
        if message.error():
            raise KafkaException(message.error())
        print(f"{message.partition()}\t{message.offset()}")
    sys.stdout.flush()
    if messages:
        try:
            consumer.commit(asynchronous=False)
        except KafkaException as e:
            print(f"commit: {e}", file=sys.stderr)
consumer.close()
