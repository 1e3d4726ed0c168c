"""A member of a group by librdkafka, and a producer for it.

    member  BOOTSTRAP PROTOCOL GROUP SUBSCRIPTION    prints "topic partition offset" of each record until SIGTERM
    produce BOOTSTRAP TOPICS COUNT SECONDS           records spread over topics and time, each acknowledged
"""
import signal
import sys
import time

from confluent_kafka import Consumer, KafkaException, Producer


def member(bootstrap, protocol, group, subscription):
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(1))
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.protocol": protocol, "group.id": group,
                         "auto.offset.reset": "earliest", "enable.auto.commit": False})
    consumer.subscribe(subscription.split(","))
    while not over:
        messages = [m for m in consumer.consume(100, 0.2) if m.error() is None]
        for m in messages:
            print(m.topic(), m.partition(), m.offset())
        sys.stdout.flush()
        if messages:
            try:
                consumer.commit(asynchronous=False)
            except KafkaException as e:
                print(e, file=sys.stderr)
    consumer.close()


def produce(bootstrap, topics, count, seconds):
    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5})
    failures = []
    names = topics.split(",")
    begin = time.monotonic()
    for i in range(int(count)):
        producer.produce(names[i % len(names)], str(i), str(i), on_delivery=lambda e, _: e and failures.append(e))
        producer.poll(0)
        wait = begin + i * float(seconds) / int(count) - time.monotonic()
        if wait > 0:
            time.sleep(wait)
    if producer.flush(60) != 0 or failures:
        raise SystemExit(f"not delivered: {failures[:3]}")


if __name__ == "__main__":
    {"member": member, "produce": produce}[sys.argv[1]](*sys.argv[2:])
