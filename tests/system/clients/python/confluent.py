"""confluent-kafka (librdkafka) as a client of the node under test. See ../README.md for the commands."""
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

import records


def create(bootstrap, topic, partitions):
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for future in admin.create_topics([NewTopic(topic, int(partitions), 1)]).values():
        future.result(30)


def produce(bootstrap, topic, partition, codec, count, prefix):
    producer = Producer({"bootstrap.servers": bootstrap, "compression.type": codec, "enable.idempotence": True})
    failures = []

    def delivered(error, _message):
        if error is not None:
            failures.append(error)

    for key, value, timestamp in records.make(prefix, int(count)):
        producer.produce(topic, value, key, int(partition), timestamp=timestamp, headers=[("codec", codec.encode())],
                         on_delivery=delivered)
        producer.poll(0)
    if producer.flush(60) != 0 or failures:
        raise SystemExit(f"not delivered: {failures[:3]}")


def consume(bootstrap, topic, partition, count, from_ms=None):
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused", "enable.auto.commit": False,
                         "auto.offset.reset": "error", "isolation.level": "read_uncommitted"})
    start = TopicPartition(topic, int(partition), 0)
    if from_ms is not None:
        start = consumer.offsets_for_times([TopicPartition(topic, int(partition), int(from_ms))], timeout=30)[0]
    consumer.assign([start])
    deadline = time.monotonic() + 60
    seen = 0
    while seen < int(count) and time.monotonic() < deadline:
        message = consumer.poll(1)
        if message is None:
            continue
        if message.error():
            raise KafkaException(message.error())
        records.show(message.offset(), message.timestamp()[1], message.key(), message.value())
        seen += 1
    consumer.close()


if __name__ == "__main__":
    {"create": create, "produce": produce, "consume": consume}[sys.argv[1]](*sys.argv[2:])
