"""Cases of test_protocol about what is in a log: deletion, transactions and their markers, producers' state, and what a
topic's settings make of a batch."""
import random
import time

from batches import batch, record
from protocol_cases import fetch_of, produce_to, versions

LOG_FAR = 1 << 50


def delete_of(topic, offset, partition=0):
    return {"TimeoutMs": 1000, "Topics": [{"Name": topic, "Partitions": [{"PartitionIndex": partition, "Offset": offset}]}]}


def offsets_of(topic, timestamp, isolation=0):
    return {"ReplicaId": -1, "IsolationLevel": isolation, "Topics": [{
        "Name": topic, "Partitions": [{"PartitionIndex": 0, "Timestamp": timestamp}]}]}


def delete_records(s):
    for v in versions("DeleteRecords"):
        s.topic(f"dr-{v}", 2)
        for i in range(5):
            s.produce(f"dr-{v}", batch([b"a", b"b"], first_time=1000 * (i + 1)))
        for name, offset in (("negative", -2), ("most negative", -2**63), ("past the end", 11), ("far past", 2**63 - 1),
                             ("0", 0), ("inside of a batch", 3), ("again", 3), ("below", 1), ("6", 6)):
            s.ask(name, "DeleteRecords", v, delete_of(f"dr-{v}", offset))
            s.ask(f"{v}: {name}, then earliest", "ListOffsets", 7, offsets_of(f"dr-{v}", -2))
        s.ask(f"{v}: fetch below", "Fetch", 12, fetch_of(s, f"dr-{v}", 12, 5))
        s.ask(f"{v}: fetch inside", "Fetch", 12, fetch_of(s, f"dr-{v}", 12, 7))
        for time in (0, 1000, 3500, 5001, -3, -4, -5):
            s.ask(f"{v}: time {time}", "ListOffsets", 9, offsets_of(f"dr-{v}", time))
        s.ask("all", "DeleteRecords", v, delete_of(f"dr-{v}", -1))
        s.ask("all again", "DeleteRecords", v, delete_of(f"dr-{v}", -1))
        for time in (0, 5000, -1, -2, -3):
            s.ask(f"{v}: empty, time {time}", "ListOffsets", 9, offsets_of(f"dr-{v}", time))
        s.ask(f"{v}: produce after", "Produce", 12, produce_to(s, f"dr-{v}", batch(), 12))
        s.ask("of an empty one", "DeleteRecords", v, delete_of(f"dr-{v}", -1, 1))
        s.ask("of an empty one, 0", "DeleteRecords", v, delete_of(f"dr-{v}", 0, 1))
        s.ask("of an empty one, 1", "DeleteRecords", v, delete_of(f"dr-{v}", 1, 1))
        s.ask("unknown partition", "DeleteRecords", v, delete_of(f"dr-{v}", 0, 2))
        s.ask("negative partition", "DeleteRecords", v, delete_of(f"dr-{v}", 0, -1))
        s.ask("unknown topic", "DeleteRecords", v, delete_of("no-such", 0))
        s.ask("bad name", "DeleteRecords", v, delete_of("a b", 0))
        s.ask("nothing", "DeleteRecords", v, {"TimeoutMs": 1000, "Topics": []})
        s.ask("no partitions", "DeleteRecords", v, {"TimeoutMs": 1000, "Topics": [{"Name": f"dr-{v}", "Partitions": []}]})
        one = delete_of(f"dr-{v}", 0, 1)["Topics"][0]
        s.ask("partition twice", "DeleteRecords", v, {"TimeoutMs": 1000, "Topics": [{
            "Name": f"dr-{v}", "Partitions": one["Partitions"] * 2}]}, lenient=True)
        s.ask("several", "DeleteRecords", v, {"TimeoutMs": 1000, "Topics": [one, delete_of("no-such", 0)["Topics"][0]]})
        s.ask("no time", "DeleteRecords", v, {**delete_of(f"dr-{v}", 0, 1), "TimeoutMs": 0})
        s.ask("negative time", "DeleteRecords", v, {**delete_of(f"dr-{v}", 0, 1), "TimeoutMs": -1})
    for name, policy in (("compact", "compact"), ("both", "compact,delete"), ("none", "")):
        s.create(f"dr-{name}", Configs=[{"Name": "cleanup.policy", "Value": policy}])
        s.produce(f"dr-{name}", batch(key=b"k"))
        s.ask(f"policy {name}", "DeleteRecords", 2, delete_of(f"dr-{name}", 1))


def markers(s):
    """Transactions in a log without a coordinator: no partition of theirs is verified, and markers come from the script."""
    def send(name, topic, sequence, producer=1, epoch=0, values=(b"v",), version=11, transactional=True, **more):
        s.ask(name, "Produce", version, produce_to(s, topic, batch(
            values, attributes=0x10 if transactional else 0, producer=producer, producer_epoch=epoch, sequence=sequence,
            **more), version, TransactionalId=f"t-{producer}"))

    def marker(topic, producer=1, epoch=0, commit=True, coordinator=0, partitions=(0,), transaction_version=0):
        return {"ProducerId": producer, "ProducerEpoch": epoch, "TransactionResult": commit,
                "CoordinatorEpoch": coordinator, "TransactionVersion": transaction_version,
                "Topics": [{"Name": topic, "PartitionIndexes": list(partitions)}]}

    def end(name, *which, version=2):
        s.ask(name, "WriteTxnMarkers", version, {"Markers": list(which)})

    def look(name, topic, offsets=(0,), producers=True):
        for isolation in (0, 1):
            for offset in offsets:
                s.ask(f"{name}, fetch {offset} at isolation {isolation}", "Fetch", 12, fetch_of(
                    s, topic, 12, offset, IsolationLevel=isolation))
            s.ask(f"{name}, latest at isolation {isolation}", "ListOffsets", 7, offsets_of(topic, -1, isolation))
        if producers:
            s.ask(f"{name}, producers", "DescribeProducers", 0, {"Topics": [{"Name": topic, "PartitionIndexes": [0]}]})

    for v in (1, 2):
        topic = f"m-{v}"
        s.topic(topic, 2)
        send(f"{topic}: one", topic, 0)
        look(f"v{v} open", topic)
        end("commit", marker(topic), version=v)
        look(f"v{v} committed", topic)
        send(f"{topic}: two", topic, 1)
        send(f"{topic}: two more", topic, 2, values=(b"a", b"b"))
        end("abort", marker(topic, commit=False), version=v)
        look(f"v{v} aborted", topic, (0, 2, 5, 6))
        end("nothing open", marker(topic, commit=False), version=v)
        look(f"v{v} nothing was open", topic)
        end("unknown producer", marker(topic, producer=77), version=v)
        end("unknown producer with an old epoch", marker(topic, producer=78, epoch=-1), version=v)
        end("unknown topic", marker("no-such"), version=v)
        end("unknown partition", marker(topic, partitions=(7, -1)), version=v)
        end("some unknown", marker(topic, partitions=(0, 7, 1)), version=v)
        end("several", marker(topic), marker(topic, producer=77, commit=False), marker(topic, partitions=(1,)), version=v)
        end("producer twice", marker(topic), marker(topic, commit=False), version=v)
        end("none", version=v)
        end("no topics", {**marker(topic), "Topics": []}, version=v)
        end("no partitions", marker(topic, partitions=()), version=v)
        look(f"v{v} at the end", topic)

    s.topic("m-twice")
    end("partition twice", marker("m-twice", partitions=(0, 0)))

    s.topic("m-epochs")
    send("epoch 5", "m-epochs", 0, epoch=5)
    end("older epoch", marker("m-epochs", epoch=4))
    look("after the older epoch", "m-epochs")
    end("newer epoch", marker("m-epochs", epoch=6, coordinator=3, commit=False))
    look("after the newer epoch", "m-epochs")
    send("fenced", "m-epochs", 1, epoch=5)
    send("new epoch, not at 0", "m-epochs", 1, epoch=6)
    send("new epoch", "m-epochs", 0, epoch=6)
    end("older coordinator", marker("m-epochs", epoch=6, coordinator=2))
    end("same coordinator", marker("m-epochs", epoch=6, coordinator=3))
    send("not transactional, closed", "m-epochs", 1, epoch=6, transactional=False)
    send("transactional again", "m-epochs", 2, epoch=6)
    send("transactional, going on with version 12", "m-epochs", 3, epoch=6, version=12)
    send("not transactional, open", "m-epochs", 4, epoch=6, transactional=False)
    send("duplicate in the transaction", "m-epochs", 2, epoch=6)
    send("newer epoch while open", "m-epochs", 0, epoch=7)
    look("two epochs", "m-epochs")
    end("abort of both", marker("m-epochs", epoch=7, coordinator=3, commit=False))
    look("both aborted", "m-epochs", (0, 3, 6, 9))
    send("without a transactional id", "m-epochs", 1, epoch=7, version=9)
    s.ask("without any id", "Produce", 12, produce_to(s, "m-epochs", batch(
        attributes=0x10, producer=1, producer_epoch=7, sequence=2), 12))
    s.topic("m-v2")
    send("v2: epoch 0", "m-v2", 0)
    for name, epoch in (("its epoch", 0), ("older", -1)):
        end(f"v2: {name}", marker("m-v2", epoch=epoch, transaction_version=2))
    end("v2: next epoch", marker("m-v2", epoch=1, transaction_version=2))
    end("v2: again", marker("m-v2", epoch=1, transaction_version=2))
    end("v2: again, abort", marker("m-v2", epoch=1, transaction_version=2, commit=False))
    end("v2: older again", marker("m-v2", epoch=0, transaction_version=2))
    send("v2: first of the new epoch", "m-v2", 0, epoch=1)
    send("v2: unseen, not at 0", "m-v2", 7, producer=2)
    look("v2", "m-v2")

    s.topic("m-several")
    for i in range(4):
        for producer in (1, 2, 3):
            send(f"several {i}, producer {producer}", "m-several", i, producer=producer)
        s.produce("m-several", batch([b"plain"]))
        if i % 2 == 0:
            end(f"several {i}: 1", marker("m-several", 1, commit=i == 0))
            look(f"several {i}: 1", "m-several", (0, 5, 9), producers=False)
            end(f"several {i}: 2", marker("m-several", 2, commit=False))
            look(f"several {i}: 2", "m-several", (0, 5, 9), producers=False)
        look(f"several {i}", "m-several", (0, 4, 12), producers=False)
    s.ask("several: time, read committed", "ListOffsets", 7, offsets_of("m-several", 1, 1))
    s.ask("several: time", "ListOffsets", 7, offsets_of("m-several", 1))
    s.ask("several: far, read committed", "ListOffsets", 7, offsets_of("m-several", LOG_FAR, 1))
    s.ask("delete into the open transaction", "DeleteRecords", 2, delete_of("m-several", 14))
    look("deleted into it", "m-several", (14, 13))
    s.ask("delete all", "DeleteRecords", 2, delete_of("m-several", -1))
    look("deleted", "m-several", (20,))
    while s.control("FindCoordinator", 4, {"KeyType": 0, "CoordinatorKeys": ["g"]})["Coordinators"][0]["ErrorCode"]:
        time.sleep(0.05)
    s.wait_led("__consumer_offsets", 50)
    loaded = {"Markers": [marker("__consumer_offsets", producer=99, partitions=(0, 7, 49, 3))]}
    for _ in range(100):  # until the coordinators are
        answer = s.control("WriteTxnMarkers", 2, loaded)
        if all(p["ErrorCode"] == 0 for p in answer["Markers"][0]["Topics"][0]["Partitions"]):
            break
        time.sleep(0.05)
    end("offsets: commit", marker("__consumer_offsets", partitions=(0, 7, 49)))
    end("offsets: older epoch", marker("__consumer_offsets", epoch=1, partitions=(0,)),
        marker("__consumer_offsets", epoch=0, partitions=(0,)))
    end("offsets: older coordinator", marker("__consumer_offsets", epoch=2, coordinator=3, partitions=(0,), commit=False))
    end("offsets: older coordinator, again", marker("__consumer_offsets", epoch=2, coordinator=2, partitions=(0,)))
    end("offsets: unknown partition", marker("__consumer_offsets", partitions=(50, -1, 3)))
    s.ask("producers: unknown", "DescribeProducers", 0, {"Topics": [
        {"Name": "no-such", "PartitionIndexes": [0]}, {"Name": "m-several", "PartitionIndexes": [0, 1, -1]}]})
    s.ask("producers: nothing", "DescribeProducers", 0, {"Topics": []})


markers.settings = {"transaction.partition.verification.enable": "false"}


def producers(s):
    """Idempotent producers that come back after their state has gone, and other rare orders."""
    now = int(time.time() * 1000)  # Kafka forgets producers by the times of their records

    def send(name, topic, sequence, producer=1, epoch=0, values=(b"v",), version=11, **more):
        s.ask(name, "Produce", version, produce_to(s, topic, batch(
            values, producer=producer, producer_epoch=epoch, sequence=sequence, first_time=now, **more), version,
            TransactionalId="t" if more.get("attributes") else None))

    def look(name, topic):
        s.ask(f"{name}, producers", "DescribeProducers", 0, {"Topics": [{"Name": topic, "PartitionIndexes": [0]}]})

    def marker(name, topic, producer=1, epoch=0, commit=False):
        s.ask(name, "WriteTxnMarkers", 2, {"Markers": [{
            "ProducerId": producer, "ProducerEpoch": epoch, "TransactionResult": commit, "CoordinatorEpoch": 0,
            "Topics": [{"Name": topic, "PartitionIndexes": [0]}]}]})

    s.topic("pr")
    send("deleted: 0", "pr", 0)
    send("deleted: 1", "pr", 1)
    s.ask("deleted: all", "DeleteRecords", 2, delete_of("pr", -1))
    look("deleted", "pr")
    send("deleted: duplicate", "pr", 1)
    send("deleted: gap", "pr", 5)
    send("deleted: next", "pr", 2)
    look("deleted: next", "pr")

    s.topic("pr-large")
    for sequence in (2**31 - 3, 2**31 - 2, 2**31 - 1, 0, 1, 2):
        send(f"wrap: {sequence}", "pr-large", sequence)
    for sequence in (2**31 - 3, 2**31 - 2, 2**31 - 1, 0, 1, 2, 3):
        send(f"wrap: {sequence} again", "pr-large", sequence)
    send("wrap: over it", "pr-large", 2**31 - 2, producer=2, values=(b"a", b"b", b"c", b"d"))
    send("wrap: over it, again", "pr-large", 2**31 - 2, producer=2, values=(b"a", b"b", b"c", b"d"))
    look("wrap", "pr-large")
    send("wrap: over it, next", "pr-large", 2, producer=2)
    send("epoch: highest", "pr-large", 0, producer=3, epoch=2**15 - 1)
    send("epoch: below", "pr-large", 1, producer=3, epoch=2**15 - 2)

    s.topic("pr-mixed")
    send("mixed: plain", "pr-mixed", 0)
    send("mixed: transactional goes on", "pr-mixed", 1, attributes=0x10)
    marker("mixed: commit", "pr-mixed", commit=True)
    send("mixed: plain again", "pr-mixed", 2)
    send("mixed: duplicate from before", "pr-mixed", 0)
    send("mixed: duplicate of the transaction as plain", "pr-mixed", 1)
    marker("mixed: bump", "pr-mixed", epoch=1)
    send("mixed: duplicate after the bump", "pr-mixed", 2)
    send("mixed: on after the bump, not 0", "pr-mixed", 3, epoch=1)
    send("mixed: on after the bump", "pr-mixed", 0, epoch=1)
    s.create("pr-append", Configs=[{"Name": "message.timestamp.type", "Value": "LogAppendTime"}])
    send("append time: first", "pr-append", 0)
    send("append time: duplicate", "pr-append", 0)

    s.topic("pr-expiry")
    now = int(time.time() * 1000)
    send("expiry: 0", "pr-expiry", 0)
    send("expiry: transactional", "pr-expiry", 0, producer=2, attributes=0x10)
    send("expiry: transactional, ended", "pr-expiry", 0, producer=3, attributes=0x10)
    marker("expiry: end", "pr-expiry", producer=3)
    look("expiry: before", "pr-expiry")
    time.sleep(2.5)
    look("expiry: after", "pr-expiry")
    send("expiry: duplicate", "pr-expiry", 0)
    send("expiry: goes on", "pr-expiry", 1)
    send("expiry: goes on, in the transaction", "pr-expiry", 1, producer=2, attributes=0x10)
    send("expiry: goes on with a gap", "pr-expiry", 7, producer=3)


producers.settings = {"transaction.partition.verification.enable": "false", "producer.id.expiration.ms": "1700",
                      "producer.id.expiration.check.interval.ms": "100"}


def topic_settings(s):
    """What a topic's settings make of a batch."""
    def topic(name, **configs):
        s.create(name, Configs=[{"Name": k.replace("_", "."), "Value": str(v)} for k, v in configs.items()])

    def send(name, where, records, version=12, **more):
        return s.ask(name, "Produce", version, produce_to(s, where, records, version, **more))

    def read(name, where, offset=0):
        s.ask(name, "Fetch", 12, fetch_of(s, where, 12, offset))

    topic("ts-append", message_timestamp_type="LogAppendTime")
    send("append time", "ts-append", batch([b"a", b"b"]))
    send("append time, far ahead", "ts-append", batch(first_time=LOG_FAR))
    send("append time, negative", "ts-append", batch(first_time=-5, max_time=-5))
    send("append time, claimed", "ts-append", batch(attributes=8))
    read("append time", "ts-append")

    now = int(time.time() * 1000)
    for v in (7, 8, 12):
        topic(f"ts-bounds-{v}", message_timestamp_before_max_ms=60000, message_timestamp_after_max_ms=120000)
        for name, times in (("now", (now,)), ("old", (now - 600000,)), ("new", (now + 600000,)), ("zero", (0,)),
                            ("none", (-1,)), ("second old", (now, now - 600000)), ("all old", (0, 1, 2)),
                            ("mixed", (now, 0, now, LOG_FAR, now)), ("edge after", (now + 90000,)),
                            ("edge before", (now - 30000,))):
            records = b"".join(record(i, timestamp_delta=t - times[0]) for i, t in enumerate(times))
            send(f"bounds, {name}", f"ts-bounds-{v}", batch([b""] * len(times), records=records, first_time=times[0],
                                                           max_time=max(times)), v)
    topic("ts-bounds-append", message_timestamp_before_max_ms=0, message_timestamp_after_max_ms=0,
          message_timestamp_type="LogAppendTime")
    send("bounds, append time", "ts-bounds-append", batch())

    for v in (7, 8, 12):
        topic(f"ts-compact-{v}", cleanup_policy="compact", message_timestamp_before_max_ms=60000)
        for name, keys, first in (("key", (b"k",), now), ("null", (None,), now), ("empty", (b"",), now),
                                  ("second null", (b"k", None), now), ("all null", (None, None, None), now),
                                  ("null and old", (None, b"k"), 0)):
            records = b"".join(record(i, key=key) for i, key in enumerate(keys))
            send(f"compacted, {name}", f"ts-compact-{v}", batch([b""] * len(keys), records=records, first_time=first), v)
        gzipped = batch([b"a", b"b"], attributes=1, first_time=now)
        send("compacted, null in gzip", f"ts-compact-{v}", gzipped, v)

    topic("ts-small", max_message_bytes=300)
    for size in (100, 230, 231, 232, 233, 300, 400, 5000):
        send(f"small, {size}", "ts-small", batch([b"x" * size]))
    send("small, gzip", "ts-small", batch([b"x" * 5000], attributes=1))
    send("small, gzip of what is not compressible", "ts-small", batch([random.Random(1).randbytes(400)], attributes=1))
    topic("ts-small-gzip", max_message_bytes=300, compression_type="gzip")
    send("small gzip, uncompressed", "ts-small-gzip", batch([b"x" * 5000]))
    topic("ts-small-none", max_message_bytes=300, compression_type="uncompressed")
    send("small none, gzip", "ts-small-none", batch([b"x" * 5000], attributes=1))
    topic("ts-small-append", max_message_bytes=300, message_timestamp_type="LogAppendTime")
    send("small append, gzip", "ts-small-append", batch([b"x" * 5000], attributes=1))

    for codec in ("uncompressed", "gzip", "snappy", "lz4", "zstd", "producer"):
        topic(f"ts-{codec}", compression_type=codec)
        send(f"{codec}, plain", f"ts-{codec}", batch([b"a" * 50, b"b" * 50, b"c" * 50], first_time=now))
        send(f"{codec}, gzip", f"ts-{codec}", batch([b"a" * 50, b"b" * 50, b"c" * 50], attributes=1))
        send(f"{codec}, headers", f"ts-{codec}", batch([b""], records=record(
            0, key=b"k", value=None, headers=[(b"h", b"v"), (b"n", None)])))
        send(f"{codec}, idempotent", f"ts-{codec}", batch([b"a", b"b"], producer=1, producer_epoch=2, sequence=0))
        send(f"{codec}, duplicate", f"ts-{codec}", batch([b"a", b"b"], producer=1, producer_epoch=2, sequence=0))
        send(f"{codec}, times", f"ts-{codec}", batch([b"", b""], records=record(0) + record(
            1, timestamp_delta=-500), max_time=1000000))
        send(f"{codec}, wrong max time", f"ts-{codec}", batch([b"a"], max_time=77))
        send(f"{codec}, negative time", f"ts-{codec}", batch([b"a"], first_time=-1, max_time=-1))
        read(codec, f"ts-{codec}")
        for time_ in (-3, 1000000, 999500):
            s.ask(f"{codec}, time {time_}", "ListOffsets", 9, offsets_of(f"ts-{codec}", time_))
    topic("ts-append-gzip", compression_type="gzip", message_timestamp_type="LogAppendTime")
    send("append time and gzip", "ts-append-gzip", batch([b"a", b"b"]))
    read("append time and gzip", "ts-append-gzip")
    s.ask("append time and gzip, max time", "ListOffsets", 9, offsets_of("ts-append-gzip", -3))


ALL = [delete_records, markers, producers, topic_settings]
