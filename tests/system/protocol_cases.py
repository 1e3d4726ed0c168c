"""The script of test_protocol: what is asked, in order. A case is a line of s.ask(name, api, versions, request) or
s.raw(name, bytes); the answers expected are in protocol_expected/."""
import struct
import uuid

from batches import batch, crc32c, message, record  # noqa: F401
from protocol import MESSAGES, request_bytes

UNKNOWN = uuid.UUID("12345678-1234-4234-8234-123456789abc")
ZERO = uuid.UUID(int=0)
LONG = "x" * 249
NAMES = ["ok.name_-1", LONG, LONG + "x", "", ".", "..", "a b", "a/b", "ä", "__consumer_offsets", "a:b", "a\u0000b"]


def versions(api):
    body = MESSAGES[api + "Request"].versions
    high = {"InitProducerId": 5}.get(api, body.high)  # its version 6 is unstable
    return range(body.low, high + 1)


def some(api):
    """The lowest, the first flexible and the one before it, the highest."""
    flexible = MESSAGES[api + "Request"].flexible
    known = versions(api)
    return sorted({known[0], known[-1], *(v for v in (flexible - 1, flexible) if v in known)})


def frame(data):
    return struct.pack(">i", len(data)) + data


def header(key, version, correlation=7, client=b"\x00\x01c", tags=b""):
    return struct.pack(">hhi", key, version, correlation) + client + tags


def framing(s):
    s.raw("frame of length 0", frame(b""))
    s.raw("negative length", struct.pack(">i", -1))
    s.raw("most negative length", struct.pack(">i", -2**31) + b"x" * 20)
    s.raw("length past the limit", struct.pack(">i", 104857601) + b"x" * 20)
    s.raw("greatest length", struct.pack(">i", 2**31 - 1) + b"x" * 20)
    s.raw("http", b"GET / HTTP/1.1\r\n\r\n")
    s.raw("tls", bytes.fromhex("16030100c8010000c40303") + b"x" * 60)
    s.raw("frame of 1 byte", frame(b"\0"))
    s.raw("frame of 7 bytes", frame(struct.pack(">hhi", 3, 1, 7)[:7]))
    s.raw("header without client id", frame(struct.pack(">hhi", 18, 0, 7)))
    s.raw("null client id", frame(header(18, 0, client=b"\xff\xff")))
    s.raw("client id of length -2", frame(header(18, 0, client=b"\xff\xfe")))
    s.raw("client id past the end", frame(header(18, 0, client=b"\x00\x7f")))
    s.raw("client id not UTF-8", frame(header(18, 0, client=b"\x00\x02\xff\xfe")))
    for key in (-1, 4, 7, 95, 999, 32767):
        s.raw(f"unknown api {key}", frame(header(key, 0)))
    for key in (52, 53, 56, 58, 62, 63, 67):
        s.raw(f"controller's api {key} on a broker", frame(header(key, 0, tags=b"\0") + b"\0" * 40))
    for api in ("Metadata", "Produce", "Fetch", "ListOffsets", "CreateTopics", "DescribeCluster"):
        m = MESSAGES[api + "Request"]
        s.raw(f"{api} version past the last", frame(header(m.key, m.versions.high + 1, tags=b"\0") + b"\0" * 40))
        s.raw(f"{api} version -1", frame(header(m.key, -1) + b"\0" * 40))
        if m.versions.low:
            s.raw(f"{api} version before the first", frame(header(m.key, m.versions.low - 1) + b"\0" * 40))
    whole = request_bytes("Metadata", 9, {"Topics": []}, 7)
    body = whole[4:]
    for cut in range(1, 7):
        s.raw(f"Metadata 9 cut by {cut}", frame(body[:-cut]))
    s.ask_raw("Metadata 9 with bytes after it", "Metadata", 9, frame(body + b"\1\2\3"))
    s.ask_raw("ApiVersions 0 with bytes after it", "ApiVersions", 0, frame(header(18, 0) + b"\1\2\3"))
    old = request_bytes("Metadata", 1, {"Topics": []}, 7)[4:]
    s.raw("Metadata 1 cut", frame(old[:-1]))
    s.raw("Metadata 1 with a count of 2^31-1", frame(header(3, 1) + struct.pack(">i", 2**31 - 1)))
    s.raw("Metadata 1 with a count of -2", frame(header(3, 1) + struct.pack(">i", -2)))
    s.raw("Metadata 0 with null topics", frame(header(3, 0) + struct.pack(">i", -1)))
    s.raw("Metadata 9 with a name of null", frame(header(3, 9, tags=b"\0") + b"\2\0\0\1\0\0\0"))
    s.raw("Metadata 9 with a count of 2^32-1", frame(header(3, 9, tags=b"\0") + b"\xff\xff\xff\xff\x0f\1\0\0\0"))
    s.raw("Metadata 9 with an uvarint too long", frame(header(3, 9, tags=b"\0") + b"\xff" * 12))
    s.raw("Metadata 12 with null name and no id", frame(header(3, 12, tags=b"\0") + b"\2" + bytes(16) + b"\0\0\0\0\0"))
    s.ask_raw("unknown tag in the header", "Metadata", 9, frame(header(3, 9, tags=b"\1\x63\2ab") + b"\1\0\0\0\0"))
    s.ask_raw("unknown tag in the body", "Metadata", 9, frame(header(3, 9, tags=b"\0") + b"\1\0\0\0\1\x63\2ab"))
    s.raw("tags twice", frame(header(3, 9, tags=b"\0") + b"\1\0\0\0\2\x63\1a\x63\1b"))
    s.raw("tags descending", frame(header(3, 9, tags=b"\0") + b"\1\0\0\0\2\x63\1a\x62\1b"))
    s.raw("tag past the end", frame(header(3, 9, tags=b"\0") + b"\1\0\0\0\1\x63\x7fa"))
    s.raw("bool of 2", frame(header(3, 4) + struct.pack(">i", 0) + b"\2"))
    s.raw("two requests in one write, the second unknown",
          request_bytes("ApiVersions", 0, {}, 1) + frame(header(999, 0)))


def api_versions(s):
    for v in versions("ApiVersions"):
        s.ask("plain", "ApiVersions", v, {"ClientSoftwareName": "test", "ClientSoftwareVersion": "1.0"})
    for v in (5, 6, 99, 32767, -1, -32768):
        s.ask_raw(f"version {v}", "ApiVersions", 0, frame(header(18, v)))
        s.ask_raw(f"version {v} with a body", "ApiVersions", 0, frame(header(18, v, tags=b"\0") + b"\2a\2b\0"))
    for name in ("", " ", "-a", "a-", "a", "a.b-c", "a_b", "a b", ".a", "ä", "x" * 300):
        s.ask(f"name {name[:10]!r}", "ApiVersions", 3, {"ClientSoftwareName": name, "ClientSoftwareVersion": "1"})
        s.ask(f"version {name[:10]!r}", "ApiVersions", 3, {"ClientSoftwareName": "a", "ClientSoftwareVersion": name})
    with s.connection() as c:
        for i in range(2):
            s.ask(f"twice {i}", "ApiVersions", 4, {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"}, on=c)
        s.ask("bad, then", "ApiVersions", 4, {"ClientSoftwareName": "", "ClientSoftwareVersion": ""}, on=c)
        s.ask("and good", "ApiVersions", 4, {"ClientSoftwareName": "a", "ClientSoftwareVersion": "1"}, on=c)


def create(s):
    def one(name, **more):
        return {"Topics": [{"Name": name, "NumPartitions": 1, "ReplicationFactor": 1, **more}], "timeoutMs": 10000}

    for v in versions("CreateTopics"):
        s.ask("fine", "CreateTopics", v, one(f"create-{v}"))
        s.ask("again", "CreateTopics", v, one(f"create-{v}"))
        s.ask("validate only", "CreateTopics", v, {**one(f"validated-{v}"), "validateOnly": True})
        s.ask("validate what is there", "CreateTopics", v, {**one(f"create-{v}"), "validateOnly": True})
    for v in some("CreateTopics"):
        s.ask("nothing", "CreateTopics", v, {"Topics": [], "timeoutMs": 1000})
        s.ask("no replica", "CreateTopics", v, one(f"c-r0-{v}", ReplicationFactor=0))
        s.ask("-2 replicas", "CreateTopics", v, one(f"c-r2-{v}", ReplicationFactor=-2))
        s.ask("two replicas", "CreateTopics", v, one(f"c-r22-{v}", ReplicationFactor=2))
        s.ask("no partitions", "CreateTopics", v, one(f"c-p0-{v}", NumPartitions=0))
        s.ask("-2 partitions", "CreateTopics", v, one(f"c-p2-{v}", NumPartitions=-2))
        s.ask("defaults", "CreateTopics", v, one(f"c-d-{v}", NumPartitions=-1, ReplicationFactor=-1))
        s.ask("three partitions", "CreateTopics", v, one(f"c-p3-{v}", NumPartitions=3))
        s.ask("twice", "CreateTopics", v, {"Topics": one(f"c-tw-{v}")["Topics"] * 2 + one(f"c-ot-{v}")["Topics"]})
        s.ask("twice with different counts", "CreateTopics", v,
              {"Topics": one(f"c-tx-{v}")["Topics"] + one(f"c-tx-{v}", NumPartitions=4)["Topics"]})
        s.ask("timeout 0", "CreateTopics", v, {**one(f"c-t0-{v}"), "timeoutMs": 0}, lenient=True)
        s.ask("with configs", "CreateTopics", v, one(f"c-c-{v}", Configs=[
            {"Name": "retention.ms", "Value": "1000"}, {"Name": "cleanup.policy", "Value": "compact"}]))
        s.ask("unknown config", "CreateTopics", v, one(f"c-cu-{v}", Configs=[{"Name": "no.such", "Value": "1"}]))
        s.ask("wrong config", "CreateTopics", v, one(f"c-cw-{v}", Configs=[{"Name": "retention.ms", "Value": "x"}]))
        s.ask("config out of range", "CreateTopics", v, one(f"c-co-{v}", Configs=[
            {"Name": "min.insync.replicas", "Value": "0"}]))
        s.ask("null config", "CreateTopics", v, one(f"c-cn-{v}", Configs=[{"Name": "retention.ms", "Value": None}]))
        s.ask("config twice", "CreateTopics", v, one(f"c-c2-{v}", Configs=[
            {"Name": "retention.ms", "Value": "1"}, {"Name": "retention.ms", "Value": "2"}]))
        s.ask("configs at odds", "CreateTopics", v, one(f"c-cx-{v}", Configs=[
            {"Name": "local.retention.ms", "Value": "10"}, {"Name": "retention.ms", "Value": "5"}]))
        s.ask("min above max compaction lag", "CreateTopics", v, one(f"c-cl-{v}", Configs=[
            {"Name": "min.compaction.lag.ms", "Value": "10"}, {"Name": "max.compaction.lag.ms", "Value": "5"}]))
        for label, parts in (
                ("good", [(0, [1]), (1, [1])]), ("gap", [(0, [1]), (2, [1])]), ("from 1", [(1, [1])]),
                ("negative", [(-1, [1])]), ("twice", [(0, [1]), (0, [1])]), ("unknown broker", [(0, [7])]),
                ("no brokers", [(0, [])]), ("broker twice", [(0, [1, 1])]), ("different sizes", [(0, [1]), (1, [])]),
                ("negative broker", [(0, [-1])]), ("unordered", [(1, [1]), (0, [1])])):
            s.ask(f"assignment {label}", "CreateTopics", v, one(
                f"c-a-{label.replace(' ', '-')}-{v}", NumPartitions=-1, ReplicationFactor=-1,
                Assignments=[{"PartitionIndex": p, "BrokerIds": b} for p, b in parts]))
        s.ask("assignment and count", "CreateTopics", v, one(f"c-ac-{v}", Assignments=[
            {"PartitionIndex": 0, "BrokerIds": [1]}]))
        s.ask("assignment and replicas", "CreateTopics", v, one(f"c-ar-{v}", NumPartitions=-1, Assignments=[
            {"PartitionIndex": 0, "BrokerIds": [1]}]))
        for name in NAMES:
            s.ask(f"name {len(name)} {name[:20]!r}", "CreateTopics", v, {**one(name), "validateOnly": True})
    s.ask("colliding", "CreateTopics", 7, one("col.li_de"))
    s.ask("collided", "CreateTopics", 7, one("col_li.de"))
    s.ask("two that collide", "CreateTopics", 7, {"Topics": one("x.y")["Topics"] + one("x_y")["Topics"]})
    s.ask("huge count", "CreateTopics", 7, {**one("c-huge", NumPartitions=2**31 - 1), "validateOnly": True})
    s.ask("10001 partitions", "CreateTopics", 7, {**one("c-10001", NumPartitions=10001), "validateOnly": True})
    s.ask("huge replicas", "CreateTopics", 7, {**one("c-huge", ReplicationFactor=32767), "validateOnly": True})
    for name in ("__consumer_offsets", "__transaction_state", "__cluster_metadata", "__share_group_state"):
        s.ask(f"internal {name}", "CreateTopics", 7, {**one(name), "validateOnly": True})
    for config, value in (("compression.type", "zstd"), ("compression.type", "brotli"), ("segment.bytes", "100"),
                          ("segment.bytes", "1048576"), ("message.timestamp.type", "LogAppendTime"),
                          ("cleanup.policy", "delete,compact"), ("cleanup.policy", ""), ("cleanup.policy", "none"),
                          ("flush.messages", "0"), ("retention.ms", "-1"), ("retention.ms", "-2"),
                          ("max.message.bytes", "-1"), ("unclean.leader.election.enable", "yes"),
                          ("unclean.leader.election.enable", "TRUE"), ("retention.ms", " 5 "),
                          ("retention.ms", "9223372036854775808"), ("min.cleanable.dirty.ratio", "1.5"),
                          ("min.cleanable.dirty.ratio", "0.25"), ("remote.storage.enable", "true"),
                          ("message.format.version", "3.0"), ("index.interval.bytes", "-1"), ("", "1"),
                          ("follower.replication.throttled.replicas", "x"), ("preallocate", "true")):
        s.ask(f"config {config}={value}", "CreateTopics", 7, {**one("c-cfg", Configs=[
            {"Name": config, "Value": value}]), "validateOnly": True})


def delete(s):
    for v in versions("DeleteTopics"):
        s.topic(f"gone-{v}")
        if v < 6:
            s.ask("fine and unknown", "DeleteTopics", v, {"TopicNames": [f"gone-{v}", "no-such"], "TimeoutMs": 10000})
            s.ask("nothing", "DeleteTopics", v, {"TopicNames": [], "TimeoutMs": 1000})
            s.ask("bad names", "DeleteTopics", v, {"TopicNames": ["", "a b", "..", "no", "no"], "TimeoutMs": 1000})
        else:
            s.topic("gone-by-name")
            s.topic("gone-twice")
            s.topic("gone-both")
            s.ask("by id", "DeleteTopics", v, {"Topics": [{"TopicId": s.id(f"gone-{v}")}], "TimeoutMs": 10000})
            s.ask("by name", "DeleteTopics", v, {"Topics": [{"Name": "gone-by-name"}], "TimeoutMs": 10000})
            s.ask("unknown", "DeleteTopics", v, {"Topics": [{"TopicId": UNKNOWN}, {"Name": "no"}], "TimeoutMs": 1000})
            s.ask("both given", "DeleteTopics", v, {"Topics": [{"Name": "gone-both", "TopicId": s.id("gone-both")}],
                                                    "TimeoutMs": 1000})
            s.ask("neither given", "DeleteTopics", v, {"Topics": [{}], "TimeoutMs": 1000})
            s.ask("name and id of it", "DeleteTopics", v, {"Topics": [
                {"Name": "gone-twice"}, {"TopicId": s.id("gone-twice")}], "TimeoutMs": 1000})
            s.ask("id twice", "DeleteTopics", v, {"Topics": [{"TopicId": UNKNOWN}] * 2, "TimeoutMs": 1000})
            s.ask("name twice", "DeleteTopics", v, {"Topics": [{"Name": "gone-both"}] * 2, "TimeoutMs": 1000})
            s.ask("empty name", "DeleteTopics", v, {"Topics": [{"Name": ""}], "TimeoutMs": 1000})


def metadata(s):
    s.topic("meta", 3)
    for v in versions("Metadata"):
        topic = {"Name": "meta"}
        s.ask("one", "Metadata", v, {"Topics": [topic], "AllowAutoTopicCreation": False})
        s.ask("none", "Metadata", v, {"Topics": [] if v else [{"Name": "no-such-0"}], "AllowAutoTopicCreation": False})
        if v >= 4:
            s.ask("unknown", "Metadata", v, {"Topics": [topic, {"Name": "no-such"}], "AllowAutoTopicCreation": False})
        if v >= 8:
            s.ask("operations", "Metadata", v, {"Topics": [topic], "AllowAutoTopicCreation": False,
                                                "IncludeClusterAuthorizedOperations": True,
                                                "IncludeTopicAuthorizedOperations": True})
    for v in (0, 4, 9, 12):
        for name in NAMES[1:]:
            if name != "__consumer_offsets":
                s.ask(f"name {len(name)} {name[:20]!r}", "Metadata", v,
                      {"Topics": [{"Name": name}], "AllowAutoTopicCreation": v == 0}, lenient=name == LONG)
    for v in (10, 11, 12, 13):
        s.ask("by id", "Metadata", v, {"Topics": [{"Name": None, "TopicId": s.id("meta")}]})
        s.ask("unknown id", "Metadata", v, {"Topics": [{"Name": None, "TopicId": UNKNOWN}]})
        s.ask("id and name", "Metadata", v, {"Topics": [{"Name": "meta", "TopicId": s.id("meta")}]})
        s.ask("null and no id", "Metadata", v, {"Topics": [{"Name": None}]})
        s.ask("ids and names", "Metadata", v, {"Topics": [{"Name": None, "TopicId": s.id("meta")}, {"Name": "create-7"}],
                                               "AllowAutoTopicCreation": False})
        s.ask("null, name and no id, with", "Metadata", v, {"Topics": [{"Name": None}, {"Name": "meta"}]})
    s.ask("twice", "Metadata", 12, {"Topics": [{"Name": "meta"}] * 2, "AllowAutoTopicCreation": False})
    s.ask("id twice", "Metadata", 12, {"Topics": [{"Name": None, "TopicId": s.id("meta")}] * 2})
    for v in (1, 4, 9, 12):
        s.ask("auto create", "Metadata", v, {"Topics": [{"Name": f"auto-{v}"}], "AllowAutoTopicCreation": True})


def cluster(s):
    for v in versions("DescribeCluster"):
        s.ask("plain", "DescribeCluster", v, {})
        s.ask("operations", "DescribeCluster", v, {"IncludeClusterAuthorizedOperations": True})
        if v:
            for kind in (0, 2, 3, -1):
                s.ask(f"endpoint type {kind}", "DescribeCluster", v, {"EndpointType": kind})
    s.ask("fenced", "DescribeCluster", 2, {"IncludeFencedBrokers": True})


def configs(s):
    s.create("cfg", Configs=[{"Name": "retention.ms", "Value": "12345"}, {"Name": "cleanup.policy", "Value": "compact"}])
    keys = ["retention.ms", "cleanup.policy", "segment.bytes", "no.such"]

    def one(kind, name, names=None, **more):
        return {"Resources": [{"ResourceType": kind, "ResourceName": name, "ConfigurationKeys": names}], **more}

    for v in versions("DescribeConfigs"):
        s.ask("some", "DescribeConfigs", v, one(2, "cfg", keys))
        s.ask("all", "DescribeConfigs", v, one(2, "cfg"))
        s.ask("synonyms", "DescribeConfigs", v, one(2, "cfg", keys, IncludeSynonyms=True))
        s.ask("documentation", "DescribeConfigs", v, one(2, "cfg", keys, IncludeDocumentation=True))
        s.ask("no keys", "DescribeConfigs", v, one(2, "cfg", []))
        s.ask("broker's", "DescribeConfigs", v, one(4, "1", ["node.id", "log.retention.hours", "log.segment.bytes",
                                                             "num.partitions", "no.such"], IncludeSynonyms=True))
    s.ask("all with synonyms", "DescribeConfigs", 4, one(2, "cfg", IncludeSynonyms=True))
    for kind, name in ((2, "no-such"), (2, ""), (2, "a b"), (4, "1"), (4, ""), (4, "7"), (4, "x"), (4, "-1"), (8, "1"),
                       (8, "7"), (8, "x"), (8, ""), (16, "metrics"), (16, ""), (32, "group"), (32, ""), (0, "x"),
                       (1, "x"), (3, "x"), (64, "x"), (-1, "x")):
        s.ask(f"type {kind} {name!r}", "DescribeConfigs", 4, one(kind, name, ["retention.ms", "node.id"]))
    s.ask("nothing", "DescribeConfigs", 4, {"Resources": []})
    s.ask("twice", "DescribeConfigs", 4, {"Resources": one(2, "cfg", keys)["Resources"] * 2})
    s.ask("broker all", "DescribeConfigs", 4, one(4, "1"))
    s.ask("cluster all", "DescribeConfigs", 4, one(4, ""))


def topic_partitions(s):
    def ask(name, topics, **more):
        s.ask(name, "DescribeTopicPartitions", 0, {"Topics": [{"Name": t} for t in topics], **more})
    ask("one", ["meta"])
    ask("unknown", ["no-such", "meta"])
    ask("nothing but a limit", ["meta", "create-7"], ResponsePartitionLimit=2)
    ask("limit 0", ["meta"], ResponsePartitionLimit=0)
    ask("limit -1", ["meta"], ResponsePartitionLimit=-1)
    ask("cursor", ["meta", "create-7"], Cursor={"TopicName": "meta", "PartitionIndex": 1})
    ask("cursor past", ["meta"], Cursor={"TopicName": "meta", "PartitionIndex": 9})
    ask("cursor negative", ["meta"], Cursor={"TopicName": "meta", "PartitionIndex": -1})
    ask("cursor at another", ["meta", "create-7"], Cursor={"TopicName": "d", "PartitionIndex": 0})
    ask("twice", ["meta", "meta"])
    ask("bad name", ["a b", ""])


def coordinator(s):
    for v in versions("FindCoordinator"):
        for kind in (-1, 3, 127) if v else ():
            s.ask(f"type {kind}", "FindCoordinator", v, {"Key": "x", "KeyType": kind, "CoordinatorKeys": ["x", "y"]})
    for v in (4, 5, 6):
        s.ask("nothing", "FindCoordinator", v, {"CoordinatorKeys": []})
        s.ask("share key", "FindCoordinator", v, {"KeyType": 2, "CoordinatorKeys": ["x", "a:b:c"]})
    s.ask("share", "FindCoordinator", 3, {"KeyType": 2, "Key": "x"})


def producer_ids(s):
    s.wait_producer_ids()
    for v in versions("InitProducerId"):
        s.ask("plain", "InitProducerId", v, {"TransactionalId": None, "TransactionTimeoutMs": 60000})
        s.ask("odd timeouts", "InitProducerId", v, {"TransactionalId": None, "TransactionTimeoutMs": -1})
        s.ask("empty id", "InitProducerId", v, {"TransactionalId": "", "TransactionTimeoutMs": 60000})
        if v >= 3:
            s.ask("id and epoch", "InitProducerId", v, {"TransactionalId": None, "TransactionTimeoutMs": 60000,
                                                        "ProducerId": 4242, "ProducerEpoch": 3})
            s.ask("id without epoch", "InitProducerId", v, {"TransactionalId": None, "TransactionTimeoutMs": 60000,
                                                            "ProducerId": 4242})
            s.ask("epoch without id", "InitProducerId", v, {"TransactionalId": None, "TransactionTimeoutMs": 60000,
                                                            "ProducerEpoch": 3})


def produce_to(s, topic, records, version, partition=0, acks=-1, **more):
    return {"Acks": acks, "TimeoutMs": 5000, "TopicData": [{
        "Name": topic, "TopicId": s.id(topic), "PartitionData": [{"Index": partition, "Records": records}]}], **more}


def produce(s):
    for v in versions("Produce"):
        s.topic(f"p-{v}")
        for acks in (-1, 1):
            s.ask(f"acks {acks}", "Produce", v, produce_to(s, f"p-{v}", batch([b"a", b"b"]), v, acks=acks))
        s.ask("offset kept out", "Produce", v, produce_to(s, f"p-{v}", batch(base=77, epoch=9), v))
        s.ask("unknown partition", "Produce", v, produce_to(s, f"p-{v}", batch(), v, partition=5))
        s.ask("negative partition", "Produce", v, produce_to(s, f"p-{v}", batch(), v, partition=-1))
        s.ask("unknown topic", "Produce", v, produce_to(s, "no-such", batch(), v))
        s.ask("acks 2", "Produce", v, produce_to(s, f"p-{v}", batch(), v, acks=2))
        s.ask("acks -2 and unknown", "Produce", v, produce_to(s, "no-such", batch(), v, acks=-2))
        s.ask("null records", "Produce", v, produce_to(s, f"p-{v}", None, v), seconds=0.3)
        s.ask("no records", "Produce", v, produce_to(s, f"p-{v}", b"", v))
        s.ask("zstd", "Produce", v, produce_to(s, f"p-{v}", batch(attributes=4, crc=None), v))
        s.ask("two batches", "Produce", v, produce_to(s, f"p-{v}", batch() + batch(), v))
        s.ask("magic 1", "Produce", v, produce_to(s, f"p-{v}", message(1), v))
        s.ask("wrong crc", "Produce", v, produce_to(s, f"p-{v}", batch(crc=1), v))
    s.topic("p")
    s.topic("p-odd")
    s.topic("p3", 3)
    for v in (3, 8, 12):
        def bad(name, records, topic="p", **more):
            s.ask(name, "Produce", v, produce_to(s, topic, records, v, **more))
        bad("magic 0", message(0))
        bad("magic 3", batch(magic=3))
        bad("magic -1", batch(magic=-1))
        bad("cut", batch()[:-3])
        bad("cut header", batch()[:40])
        bad("11 bytes", batch()[:11])
        bad("garbage", b"garbage!" * 12)
        bad("bytes after it", batch() + b"\0\0\0", "p-odd")
        bad("bytes after it, 20", batch() + b"\0" * 20)
        bad("length 0", batch(length=0))
        bad("length -1", batch(length=-1))
        bad("length short", batch(length=20))
        bad("length long", batch(length=5000))
        bad("count 0", batch(count=0))
        bad("count -1", batch(count=-1))
        bad("count too high", batch(count=3, last_delta=2))
        bad("count too low", batch([b"a", b"b"], count=1, last_delta=0))
        bad("last delta", batch([b"a", b"b"], last_delta=4))
        bad("last delta -1", batch(last_delta=-1))
        bad("no record", batch(values=(), last_delta=0, count=0))
        bad("no record, delta -1", batch(values=(), last_delta=-1, count=0))
        bad("deltas with a gap", batch([b"a", b"b"], records=record(0) + record(2)))
        bad("deltas from 1", batch(records=record(1)))
        bad("deltas descending", batch([b"a", b"b"], records=record(1) + record(0)))
        bad("garbage as records", batch(records=b"\xff" * 30))
        bad("record cut", batch(records=record(0)[:-1]))
        bad("bytes after the records", batch(records=record(0) + b"xx"))
        bad("record attributes", batch(records=record(0, attributes=1)))
        bad("control", batch(attributes=0x20))
        bad("transactional", batch(attributes=0x10, producer=5, producer_epoch=0, sequence=0))
        bad("transactional without id", batch(attributes=0x10))
        bad("attributes above", batch(attributes=0x100))
        bad("codec 7", batch(attributes=7))
        bad("codec 5", batch(attributes=5))
        bad("gzip", batch([b"a" * 100, b"b"], attributes=1))
        bad("gzip that is none", batch(records=b"x" * 30, attributes=2))
        bad("lz4 that is none", batch(records=b"x" * 30, attributes=3))
        bad("LogAppendTime by the client", batch(attributes=8))
        bad("delete horizon by the client", batch(attributes=0x40))
        bad("max time below the records", batch(max_time=5))
        bad("max time above the records", batch(max_time=5000000))
        bad("time -1", batch(first_time=-1, max_time=-1))
        bad("time -2", batch(first_time=-2, max_time=-2))
        bad("time far ahead", batch(first_time=1 << 52, max_time=1 << 52))
        bad("headers", batch(records=record(0, headers=[(b"h", b"v"), (b"n", None)])))
        bad("header key null", batch(records=varint_header_null()))
        bad("null key and value", batch(records=record(0, value=None)))
        bad("empty value", batch(records=record(0, value=b"")))
        bad("big", batch([b"x" * 1100000]))
        bad("as big as may be", batch([b"x" * (1048588 - 80)]))
        bad("transactional id", batch(), TransactionalId="t")
        bad("sequence without producer", batch(sequence=0))
        bad("producer without sequence", batch(producer=50, producer_epoch=0))
        bad("producer without epoch", batch(producer=50, sequence=0))
        bad("negative producer", batch(producer=-2, producer_epoch=0, sequence=0))
        data = {"Name": "p-odd", "TopicId": s.id("p-odd"), "PartitionData": [{"Index": 0, "Records": batch()}]}
        s.ask("partition twice", "Produce", v, {"Acks": -1, "TimeoutMs": 1000, "TopicData": [
            {**data, "PartitionData": data["PartitionData"] * 2}]}, lenient=True)
        s.ask("topic twice", "Produce", v, {"Acks": -1, "TimeoutMs": 1000, "TopicData": [data, data]}, lenient=True)
        s.ask("no topics", "Produce", v, {"Acks": -1, "TimeoutMs": 1000, "TopicData": []})
        s.ask("no partitions", "Produce", v, {"Acks": -1, "TimeoutMs": 1000, "TopicData": [
            {"Name": "p", "TopicId": s.id("p"), "PartitionData": []}]})
        s.ask("several", "Produce", v, {"Acks": -1, "TimeoutMs": 1000, "TopicData": [
            {"Name": "p3", "TopicId": s.id("p3"), "PartitionData": [{"Index": i, "Records": batch()} for i in range(4)]},
            {"Name": "no-such", "TopicId": UNKNOWN, "PartitionData": [{"Index": 0, "Records": batch()}]}]})
    s.ask("zero id", "Produce", 13, {"Acks": 1, "TimeoutMs": 1000, "TopicData": [
        {"PartitionData": [{"Index": 0, "Records": batch()}]}]})
    s.ask("transactional", "Produce", 13, produce_to(s, "p", batch(
        attributes=0x10, producer=5, producer_epoch=0, sequence=0), 13))
    for name, records in (("acks 0", batch()), ("acks 0, wrong", batch(crc=1)), ("acks 0, magic", message(1))):
        with s.connection() as c:
            s.ask(name, "Produce", 9, produce_to(s, "p3", records, 9, acks=0), on=c, seconds=0.3)
            s.ask(f"{name}, then", "ApiVersions", 0, {}, on=c)
    with s.connection() as c:
        s.ask("acks 0, unknown", "Produce", 9, produce_to(s, "no-such", batch(), 9, acks=0), on=c, seconds=0.3)
        s.ask("acks 0, unknown, then", "ApiVersions", 0, {}, on=c)


def varint_header_null():
    body = b"\0\0\0\1\2v" + b"\2" + b"\1" + b"\2x"  # key null, value "v", one header: key null, value "x"
    return bytes([len(body) * 2]) + body


def idempotence(s):
    s.topic("idem")

    def send(name, sequence, epoch=0, producer=1000, values=(b"v",), **more):
        s.ask(name, "Produce", 12, produce_to(s, "idem", batch(
            values, producer=producer, producer_epoch=epoch, sequence=sequence, **more), 12))
    send("first not 0", 5, producer=999)
    send("first not 0, next", 6, producer=999)
    send("first not 0, gap", 9, producer=999)
    send("first", 0)
    send("duplicate", 0)
    send("next", 1)
    send("gap", 5)
    send("three", 2, values=(b"a", b"b", b"c"))
    send("duplicate of three", 2, values=(b"a", b"b", b"c"))
    send("part of three", 3, values=(b"b", b"c"))
    send("two of three", 2, values=(b"a", b"b"))
    for i in range(5, 10):
        send(f"go on {i}", i)
    send("old duplicate", 5)
    send("too old duplicate", 1)
    send("too old", 0)
    send("new epoch, not 0", 3, epoch=1)
    send("new epoch", 0, epoch=1)
    send("old epoch", 10, epoch=0)
    send("old epoch's duplicate", 9, epoch=0)
    send("epoch jumps", 0, epoch=7)
    send("negative sequence", -1, epoch=7)
    send("wrap: unseen near the end", 2**31 - 2, producer=2000, values=(b"a", b"b"))
    send("wrap: goes on at 0", 0, producer=2000)
    send("wrap: within", 2**31 - 1, producer=2001, values=(b"a", b"b", b"c"))
    send("wrap: within, next", 2, producer=2001)
    two = batch(producer=3000, producer_epoch=0, sequence=0) + batch(producer=3000, producer_epoch=0, sequence=1)
    s.ask("two batches", "Produce", 12, produce_to(s, "idem", two, 12))


def fetch_of(s, topic, version, offset=0, partition=0, part=None, **more):
    return {"ReplicaId": -1, "MaxWaitMs": 50, "MinBytes": 1, "MaxBytes": 1 << 20, "Topics": [{
        "Topic": topic, "TopicId": s.id(topic), "Partitions": [{
            "Partition": partition, "FetchOffset": offset, "PartitionMaxBytes": 1 << 20, **(part or {})}]}], **more}


def fetch(s):
    s.topic("f", 2)
    for i in range(4):
        s.produce("f", batch([b"%d" % i * 100, b"x"], first_time=1000 * (i + 1)))
    s.topic("f-empty")
    s.topic("f-other")
    s.produce("f-other", batch([b"o"]))
    for v in versions("Fetch"):
        s.ask("all", "Fetch", v, fetch_of(s, "f", v))
        s.ask("middle", "Fetch", v, fetch_of(s, "f", v, offset=3))
        s.ask("end", "Fetch", v, fetch_of(s, "f", v, offset=8))
        s.ask("past the end", "Fetch", v, fetch_of(s, "f", v, offset=9))
        s.ask("negative", "Fetch", v, fetch_of(s, "f", v, offset=-1))
        s.ask("empty", "Fetch", v, fetch_of(s, "f-empty", v))
        s.ask("unknown partition", "Fetch", v, fetch_of(s, "f", v, partition=7))
        s.ask("negative partition", "Fetch", v, fetch_of(s, "f", v, partition=-1))
        s.ask("unknown topic", "Fetch", v, fetch_of(s, "no-such", v))
        s.ask("read committed", "Fetch", v, fetch_of(s, "f", v, IsolationLevel=1))
        s.ask("as a follower", "Fetch", v, fetch_of(s, "f", v, ReplicaId=7, ReplicaState={"ReplicaId": 7}))
        if v >= 9:
            for epoch in (0, 1, -1, -2):
                s.ask(f"leader epoch {epoch}", "Fetch", v, fetch_of(s, "f", v, part={"CurrentLeaderEpoch": epoch}))
        if v >= 12:
            for epoch in (0, 1, -1, 5):
                s.ask(f"last epoch {epoch}", "Fetch", v, fetch_of(s, "f", v, 3, part={"LastFetchedEpoch": epoch}))
            s.ask("last epoch at 9", "Fetch", v, fetch_of(s, "f", v, 9, part={"LastFetchedEpoch": 0}))
    for v in (4, 12, 18):
        for size in (-1, 0, 1, 160, 170, 350, 500):
            s.ask(f"partition bytes {size}", "Fetch", v, fetch_of(s, "f", v, part={"PartitionMaxBytes": size}))
            s.ask(f"bytes {size}", "Fetch", v, fetch_of(s, "f", v, MaxBytes=size))
        both = fetch_of(s, "f", v, part={"PartitionMaxBytes": 1})
        both["Topics"] += fetch_of(s, "f-other", v, part={"PartitionMaxBytes": 1})["Topics"]
        s.ask("first batch rule", "Fetch", v, both)
        s.ask("first batch rule, no bytes", "Fetch", v, {**both, "MaxBytes": 0})
        other = {**both, "Topics": fetch_of(s, "f", v, 8)["Topics"] + both["Topics"][1:]}
        s.ask("first batch rule behind an empty one", "Fetch", v, {**other, "MaxBytes": 1})
        s.ask("min bytes 0", "Fetch", v, fetch_of(s, "f-empty", v, MinBytes=0, MaxWaitMs=5000))
        s.ask("min bytes -1", "Fetch", v, fetch_of(s, "f-empty", v, MinBytes=-1, MaxWaitMs=5000))
        s.ask("wait 0", "Fetch", v, fetch_of(s, "f-empty", v, MaxWaitMs=0))
        s.ask("wait -1", "Fetch", v, fetch_of(s, "f-empty", v, MaxWaitMs=-1))
        s.ask("min bytes beyond max", "Fetch", v, fetch_of(s, "f", v, MinBytes=1000, MaxBytes=100))
        s.ask("nothing", "Fetch", v, {"ReplicaId": -1, "MaxWaitMs": 50, "MinBytes": 1, "MaxBytes": 100, "Topics": []})
        s.ask("nothing, min 0", "Fetch", v, {"ReplicaId": -1, "MinBytes": 0, "MaxBytes": 100, "Topics": []})
        s.ask("no partitions", "Fetch", v, {"MaxWaitMs": 50, "MinBytes": 1, "Topics": [
            {"Topic": "f", "TopicId": s.id("f"), "Partitions": []}]})
        twice = fetch_of(s, "f", v)
        s.ask("topic twice", "Fetch", v, {**twice, "Topics": twice["Topics"] * 2})
        s.ask("isolation 2", "Fetch", v, fetch_of(s, "f", v, IsolationLevel=2))
        s.ask("isolation -1", "Fetch", v, fetch_of(s, "f", v, IsolationLevel=-1))
        s.ask("replica -2", "Fetch", v, fetch_of(s, "f", v, ReplicaId=-2, ReplicaState={"ReplicaId": -2}))
        s.ask("replica -3", "Fetch", v, fetch_of(s, "f", v, ReplicaId=-3, ReplicaState={"ReplicaId": -3}))
    s.ask("cluster id", "Fetch", 18, fetch_of(s, "f", 18, ClusterId="other"))
    s.ask("rack", "Fetch", 18, fetch_of(s, "f", 18, RackId="rack"))
    s.ask("zero id", "Fetch", 18, {"MaxWaitMs": 50, "Topics": [{"Partitions": [
        {"Partition": 0, "PartitionMaxBytes": 100}]}]})


def sessions(s):
    s.topic("s1", 2)
    s.topic("s2")
    s.produce("s1", batch())
    for v in (7, 12, 13, 18):
        def ask(name, session, epoch, topics, forgotten=(), **more):
            return s.ask(name, "Fetch", v, {"ReplicaId": -1, "MaxWaitMs": 50, "MinBytes": 1, "SessionId": session,
                         "SessionEpoch": epoch, "Topics": topics, "ForgottenTopicsData": [
                             {"Topic": t, "TopicId": s.id(t), "Partitions": p} for t, p in forgotten], **more})

        def parts(topic, *of, **more):
            return [{"Topic": topic, "TopicId": s.id(topic), "Partitions": [
                {"Partition": p, "FetchOffset": o, "PartitionMaxBytes": 1 << 20, **more} for p, o in of]}]
        end = s.end("s1")
        s.ask("close what is not there", "Fetch", v, fetch_of(s, "s1", v, SessionId=12345, SessionEpoch=-1))
        s.ask("unknown session", "Fetch", v, fetch_of(s, "s1", v, SessionId=12345, SessionEpoch=1))
        s.ask("id with epoch 0", "Fetch", v, fetch_of(s, "s1", v, SessionId=12345, SessionEpoch=0))
        s.ask("no id with epoch 1", "Fetch", v, fetch_of(s, "s1", v, SessionId=0, SessionEpoch=1))
        s.ask("epoch -2", "Fetch", v, fetch_of(s, "s1", v, SessionId=0, SessionEpoch=-2))
        full = parts("s1", (0, end), (1, 0)) + parts("s2", (0, 0))
        one = ask("new", 0, 0, full)
        one = one.get("SessionId", 0)
        ask("nothing new", one, 1, [])
        ask("epoch again", one, 1, [])
        ask("epoch ahead", one, 5, [])
        s.produce("s1", batch([b"new"]))
        ask("records", one, 2, [])
        ask("records again", one, 3, [])
        ask("moved on", one, 4, parts("s1", (0, end + 1)))
        ask("forgotten", one, 5, [], [("s1", [0])])
        s.produce("s1", batch([b"newer"]))
        ask("forgotten is gone", one, 6, [])
        ask("added", one, 7, parts("s1", (0, end + 1)))
        ask("out of range", one, 8, parts("s2", (0, 99)))
        ask("out of range stays", one, 9, [])
        ask("unknown partition", one, 10, parts("s2", (0, 0), (9, 0)))
        ask("unknown partition stays", one, 11, [])
        ask("forget what is not there", one, 12, [], [("s2", [17]), ("no-such", [0])])
        ask("forget all", one, 13, [], [("s1", [0, 1]), ("s2", [0, 9])])
        ask("forgotten all", one, 14, [])
        ask("wrong leader epoch", one, 15, parts("s2", (0, 0), CurrentLeaderEpoch=4))
        ask("replaced", one, 0, full)
        ask("replaced is gone", one, 16, [])
        two = ask("another", 0, 0, full).get("SessionId", 0)
        ask("close", two, -1, parts("s1", (0, 0)))
        ask("closed", two, 1, [])
        ask("new of nothing", 0, 0, [])
        ask("new of unknown", 0, 0, parts("no-such", (0, 0)))
        if v >= 13:
            three = ask("unknown id", 0, 0, parts("no-such", (0, 0)) + parts("s2", (0, 0))).get("SessionId", 0)
            ask("unknown id goes on", three, 1, [])
            s.ask(f"by names after ids of {v}", "Fetch", 12, {"MaxWaitMs": 50, "MinBytes": 1, "SessionId": three,
                                                      "SessionEpoch": 2, "Topics": parts("s2", (0, 0))})
        else:
            three = ask("by name", 0, 0, parts("s2", (0, 0))).get("SessionId", 0)
            s.ask(f"by ids after names of {v}", "Fetch", 13, {"MaxWaitMs": 50, "MinBytes": 1, "SessionId": three,
                                                      "SessionEpoch": 1, "Topics": parts("s2", (0, 0))})
        s.create(f"s-re-{v}")
        four = ask("recreated: before", 0, 0, parts(f"s-re-{v}", (0, 0))).get("SessionId", 0)
        before = parts(f"s-re-{v}", (0, 0))
        s.recreate(f"s-re-{v}")
        ask("recreated: old id", four, 1, [])
        ask("recreated: asked again with the old id", four, 2, before)
        ask("recreated: with the new id", four, 3, parts(f"s-re-{v}", (0, 0)))


def list_offsets(s):
    s.topic("l", 2)
    s.topic("l-empty")
    for i, times in enumerate(((1000, 3000), (2000, 9000), (8000, 8000))):
        records = record(0, value=b"a") + record(1, value=b"b", timestamp_delta=times[1] - times[0])
        s.produce("l", batch([b"", b""], records=records, first_time=times[0], max_time=times[1]))

    def one(topic, timestamp, partition=0, **more):
        return {"ReplicaId": more.pop("replica", -1), "IsolationLevel": more.pop("isolation", 0), "TimeoutMs": 1000,
                "Topics": [{"Name": topic, "Partitions": [
                    {"PartitionIndex": partition, "Timestamp": timestamp, **more}]}]}

    for v in versions("ListOffsets"):
        for time in (-1, -2, -3, -4, -5, -6, -7, 0, 999, 1001, 2500, 8500, 9001, 2**63 - 1, -2**63):
            s.ask(f"time {time}", "ListOffsets", v, one("l", time))
        for time in (-1, -2, -3, -4, 5):
            s.ask(f"empty, time {time}", "ListOffsets", v, one("l-empty", time))
        s.ask("unknown topic", "ListOffsets", v, one("no-such", -1))
        s.ask("unknown partition", "ListOffsets", v, one("l", -1, 9))
        s.ask("negative partition", "ListOffsets", v, one("l", -1, -1))
        for isolation in (1, 2, -1) if v >= 2 else ():
            s.ask(f"isolation {isolation}", "ListOffsets", v, one("l", -1, isolation=isolation))
            s.ask(f"isolation {isolation}, time", "ListOffsets", v, one("l", 2500, isolation=isolation))
        for epoch in (0, 1, -1, -2) if v >= 4 else ():
            s.ask(f"leader epoch {epoch}", "ListOffsets", v, one("l", -1, CurrentLeaderEpoch=epoch))
        for replica in (-2, -3, 7):
            s.ask(f"replica {replica}", "ListOffsets", v, one("l", -1, replica=replica))
    for v in (1, 5, 6, 11):
        data = one("l", -1)
        s.ask("nothing", "ListOffsets", v, {"ReplicaId": -1, "Topics": []})
        s.ask("no partitions", "ListOffsets", v, {"ReplicaId": -1, "Topics": [{"Name": "l", "Partitions": []}]})
        s.ask("topic twice", "ListOffsets", v, {"ReplicaId": -1, "Topics": data["Topics"] * 2})
        part = data["Topics"][0]["Partitions"]
        s.ask("partition twice", "ListOffsets", v, {"ReplicaId": -1, "Topics": [
            {"Name": "l", "Partitions": part * 2 + [{"PartitionIndex": 1, "Timestamp": -1}]}]})
        s.ask("unknown twice", "ListOffsets", v, {"ReplicaId": -1, "Topics": one("no-such", -1)["Topics"] * 2})
        s.ask("bad name", "ListOffsets", v, one("a b", -1))
    s.create("l-append", Configs=[{"Name": "message.timestamp.type", "Value": "LogAppendTime"}])
    s.ask("append time", "Produce", 12, produce_to(s, "l-append", batch(), 12))
    s.ask("append time, far ahead", "ListOffsets", 9, one("l-append", 1 << 50))


ALL = [framing, api_versions, create, delete, metadata, cluster, configs, topic_partitions, coordinator, producer_ids,
       produce, idempotence, fetch, sessions, list_offsets]
