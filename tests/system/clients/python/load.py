"""Writes numbered records to each partition of a topic until it is told to stop, and says what was acknowledged.

load.py BOOTSTRAP TOPIC PARTITIONS FIRST: a line "partition sequence offset" for each acknowledged record, and
"partition sequence -" for each that failed for good. A line on standard input stops it; it then waits for what is
under way. Record values are "partition:sequence", so that a reader can check each.
"""
import select
import sys
import time

from confluent_kafka import Producer


def main():
    bootstrap, topic, partitions, first = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 2,
                         "message.timeout.ms": 120000, "reconnect.backoff.max.ms": 200, "retry.backoff.ms": 20,
                         "log_level": 0})
    out = sys.stdout

    def delivered(error, message):
        partition, sequence = message.value().decode().split(":")[:2]
        out.write(f"{partition} {sequence} {'-' if error is not None else message.offset()}\n")

    sequence = first
    while not select.select([sys.stdin], [], [], 0)[0]:
        for partition in range(partitions):
            while True:
                try:
                    producer.produce(topic, f"{partition}:{sequence}:".encode() + b"x" * 100, None, partition,
                                     on_delivery=delivered)
                    break
                except BufferError:
                    producer.poll(0.05)
        sequence += 1
        producer.poll(0)
        if sequence % 50 == 0:
            time.sleep(0.002)
    left = producer.flush(100)
    out.flush()
    raise SystemExit(1 if left else 0)


main()
