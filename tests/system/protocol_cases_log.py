"""Cases of test_protocol about what is in a log: deletion, transactions and their markers, producers' state, and what a
topic's settings make of a batch."""
from batches import batch
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
    s.ask("producers: unknown", "DescribeProducers", 0, {"Topics": [
        {"Name": "no-such", "PartitionIndexes": [0]}, {"Name": "m-several", "PartitionIndexes": [0, 1, -1]}]})
    s.ask("producers: nothing", "DescribeProducers", 0, {"Topics": []})


markers.settings = {"transaction.partition.verification.enable": "false"}

ALL = [delete_records, markers]
