"""The script of test_protocol, what administrators ask: see protocol_cases.py. Each group makes what it needs."""
from batches import batch
from protocol_cases import NAMES, UNKNOWN, produce_to, some, versions  # noqa: F401


def pages(s):
    """DescribeTopicPartitions, piece by piece."""
    for name in ("zz-page-a", "zz-page-b", "zz-page-c"):
        s.topic(name, 3)

    def ask(name, topics, cursor=None, **more):
        if cursor:
            more["Cursor"] = {"TopicName": cursor[0], "PartitionIndex": cursor[1]}
        s.ask(name, "DescribeTopicPartitions", 0, {"Topics": [{"Name": t} for t in topics], **more})
    all_three = ["zz-page-c", "zz-page-a", "zz-page-b"]
    for limit in (-2**31, 1, 2, 3, 4, 6, 8, 9, 10, 2**31 - 1):
        ask(f"limit {limit}", all_three, ResponsePartitionLimit=limit)
    ask("a cursor that says nothing", all_three, ("", 0))
    ask("cursor between", all_three, ("zz-page-aa", 0))
    ask("cursor in the middle", all_three, ("zz-page-b", 2))
    ask("cursor in the middle, limit", all_three, ("zz-page-b", 2), ResponsePartitionLimit=2)
    ask("cursor at the end of one", all_three, ("zz-page-b", 3))
    ask("cursor at an unknown one", [*all_three, "zz-page-zz"], ("zz-page-zz", 3))
    ask("cursor far", all_three, ("zz-page-b", 2**30))
    ask("cursor before all", all_three, ("zz-page-a", -2**31))
    ask("all from the last", [], ("zz-page-c", 1), ResponsePartitionLimit=2)
    ask("all from the last but one", [], ("zz-page-b", 1), ResponsePartitionLimit=5)
    ask("all from between", [], ("zz-page-bb", 7), ResponsePartitionLimit=3)
    ask("all, negative cursor", [], ("zz-page-b", -1))
    ask("full, then unknown", ["zz-page-a", "zz-page-zz"], ResponsePartitionLimit=3)
    ask("unknown, then full", ["zz-page-a", "zz-page-0"], ResponsePartitionLimit=1)
    for name in NAMES[2:]:
        ask(f"name {len(name)} {name[:20]!r}", [name])
    ask("internal", ["__transaction_state", "__consumer_offsets", "__share_group_state", "__cluster_metadata"])


def partitions(s):
    """CreatePartitions."""
    for name in ("parts-a", "parts-b"):
        s.topic(name, 3)

    def wanted(name, count, assignments=None):
        if assignments is not None:
            assignments = [{"BrokerIds": ids} for ids in assignments]
        return {"Name": name, "Count": count, "Assignments": assignments}

    def ask(name, v, *topics, **more):
        s.ask(name, "CreatePartitions", v, {"Topics": topics, "TimeoutMs": 10000, **more})
    for v in versions("CreatePartitions"):
        ask("one more", v, wanted("parts-a", 4 + v))
        for count in (3 + v, 0, -1, -2**31):
            ask(f"count {count}", v, wanted("parts-a", count))
        ask("validate only", v, wanted("parts-b", 100), ValidateOnly=True)
        ask("by hand, validated", v, wanted("parts-b", 4, [[1]]), ValidateOnly=True)
        ask("unknown", v, wanted("no-such", 4))
        ask("several", v, wanted("no-such", 9), wanted("parts-a", 1), wanted("parts-b", 3))
        for label, hand in (("none", []), ("too many", [[1], [1]]), ("unknown broker", [[7]]), ("empty", [[]]),
                            ("broker twice", [[1, 1]]), ("two replicas", [[1, 2]]), ("negative", [[-1]])):
            ask(f"assignment {label}", v, wanted("parts-b", 4, hand))
        ask("assignment of the second", v, wanted("parts-b", 5, [[1], [2]]))
        ask("assignments too few", v, wanted("parts-b", 5, [[1]]))
        ask("twice", v, wanted("parts-a", 20), wanted("parts-a", 21), wanted("parts-b", 3))
        ask("unknown twice", v, wanted("no-such", 20), wanted("no-such", 20))
        ask("nothing", v)
    ask("by hand", 3, wanted("parts-b", 5, [[1], [1]]))
    ask("10000 more", 3, wanted("parts-b", 10005), ValidateOnly=True)
    ask("10001 more", 3, wanted("parts-b", 10006), ValidateOnly=True)
    ask("most", 3, wanted("parts-b", 2**31 - 1), ValidateOnly=True)
    for name in (*NAMES[2:], "__cluster_metadata"):
        ask(f"name {len(name)} {name[:20]!r}", 3, wanted(name, 4))
    s.wait_led("parts-b", 5)
    s.ask("what came of it", "DescribeTopicPartitions", 0, {"Topics": [{"Name": "parts-a"}, {"Name": "parts-b"}]})


SET, DELETE, APPEND, SUBTRACT = range(4)
TOPIC, BROKER, LOGGER, METRICS, GROUP = 2, 4, 8, 16, 32


def changes(kind, name, *ops):
    """A resource of IncrementalAlterConfigs."""
    return {"ResourceType": kind, "ResourceName": name, "Configs": [
        {"Name": n, "ConfigOperation": o, "Value": v} for n, o, v in ops]}


def settings(kind, name, *pairs):
    """A resource of AlterConfigs."""
    return {"ResourceType": kind, "ResourceName": name, "Configs": [{"Name": n, "Value": v} for n, v in pairs]}


def incremental(s, name, *resources, v=1, dry=False):
    s.ask(name, "IncrementalAlterConfigs", v, {"Resources": resources, "ValidateOnly": dry})


def legacy(s, name, *resources, v=2, dry=False):
    s.ask(name, "AlterConfigs", v, {"Resources": resources, "ValidateOnly": dry})


def described(s, name, kind, resource, *keys):
    s.ask(name, "DescribeConfigs", 4, {"Resources": [
        {"ResourceType": kind, "ResourceName": resource, "ConfigurationKeys": keys or None}], "IncludeSynonyms": True})


def alter_topic(s):
    s.topic("at")
    s.topic("at-b")

    def ask(label, *ops, topic="at", v=1, dry=False):
        incremental(s, label, changes(TOPIC, topic, *ops), v=v, dry=dry)

    def shown(label, *keys):
        described(s, label, TOPIC, "at", *keys)
    for v in versions("IncrementalAlterConfigs"):
        ask("set", ("retention.ms", SET, "1000"), v=v)
        ask("set again", ("retention.ms", SET, "1000"), v=v)
        ask("wrong", ("retention.ms", SET, "x"), v=v)
        ask("null", ("retention.ms", SET, None), ("segment.ms", SET, None), v=v)
        ask("unknown", ("no.such", SET, "1"), v=v)
        ask("unknown, deleted", ("no.such", DELETE, None), v=v)
        ask("append to what is no list", ("retention.ms", APPEND, "5"), v=v)
        ask("subtract from what is no list", ("retention.ms", SUBTRACT, "5"), v=v)
        ask("twice", ("retention.ms", SET, "5"), ("retention.ms", SET, "6"), v=v)
        ask("nothing", v=v)
        ask("dry", ("retention.ms", SET, "77"), v=v, dry=True)
        ask("dry and wrong", ("retention.ms", SET, "-5"), v=v, dry=True)
        shown(f"after {v}", "retention.ms")
        ask("delete", ("retention.ms", DELETE, "9"), v=v)
        for topic in ("no-such", "", "a b", "..", "__cluster_metadata"):
            ask(f"topic {topic!r}", ("retention.ms", SET, "5"), topic=topic, v=v)
        s.ask("no resources", "IncrementalAlterConfigs", v, {"Resources": []})
        incremental(s, "several", changes(TOPIC, "at", ("flush.ms", SET, "77")), changes(
            TOPIC, "no-such", ("flush.ms", SET, "77")), changes(77, "z"), changes(LOGGER, "1"), v=v)
        incremental(s, "one twice", changes(TOPIC, "at", ("flush.ms", SET, "1")), changes(
            TOPIC, "at-b", ("flush.ms", SET, "2")), changes(TOPIC, "at", ("flush.ms", SET, "3")), v=v)
    for kind in (-1, 0, 1, 3, 64, 127):
        incremental(s, f"type {kind}", changes(kind, "at", ("x", SET, "5")))
    policy = "cleanup.policy"
    for i, (how, value) in enumerate((
            (APPEND, "compact"), (APPEND, "compact"), (SUBTRACT, "delete"), (SUBTRACT, "nope"), (APPEND, "x"),
            (APPEND, "delete,compact"), (APPEND, None), (SUBTRACT, None), (SUBTRACT, "compact,delete"), (APPEND, ""),
            (APPEND, "compact,compact"), (SUBTRACT, "compact"), (SET, ""), (SET, "delete"), (APPEND, " compact"),
            (APPEND, "compact,"), (DELETE, None))):
        ask(f"list {i} {how} {value}", (policy, how, value))
        shown(f"list {i} then", policy)
    ask("throttled", ("leader.replication.throttled.replicas", APPEND, "0:1"))
    ask("throttled more", ("leader.replication.throttled.replicas", APPEND, "1:1"))
    ask("throttled wrong", ("leader.replication.throttled.replicas", APPEND, "x"))
    shown("throttled then", "leader.replication.throttled.replicas")
    ask("at odds", ("min.compaction.lag.ms", SET, "10"), ("max.compaction.lag.ms", SET, "5"))
    ask("at odds, one", ("min.compaction.lag.ms", SET, "10"))
    ask("at odds, other", ("max.compaction.lag.ms", SET, "5"))
    ask("not at odds", ("max.compaction.lag.ms", SET, "5"), ("min.compaction.lag.ms", DELETE, None))
    for key, value in (("remote.storage.enable", "true"), ("min.insync.replicas", "0"), ("min.insync.replicas", "2"),
                       ("internal.segment.bytes", "2000000"), ("retention.ms", " 5 "), ("", "x"), ("retention.ms", ""),
                       ("unclean.leader.election.enable", "TRUE"), ("compression.type", "zstd"),
                       ("message.timestamp.type", "LogAppendTime"), ("local.retention.ms", "5")):
        ask(f"{key}={value}", (key, SET, value))
    shown("all then")
    ask("min.insync.replicas deleted", ("min.insync.replicas", DELETE, None))


def alter_topic_legacy(s):
    s.topic("atl")
    for v in versions("AlterConfigs"):
        legacy(s, "some", settings(TOPIC, "atl", ("flush.ms", "1000"), ("segment.ms", "5000")), v=v)
        legacy(s, "others", settings(TOPIC, "atl", ("retention.ms", "1000")), v=v)
        described(s, f"others {v} then", TOPIC, "atl", "flush.ms", "retention.ms", "segment.ms")
        legacy(s, "dry", settings(TOPIC, "atl"), v=v, dry=True)
        legacy(s, "null", settings(TOPIC, "atl", ("retention.ms", None)), v=v)
        legacy(s, "wrong", settings(TOPIC, "atl", ("retention.ms", "x")), v=v)
        legacy(s, "unknown", settings(TOPIC, "atl", ("no.such", "x")), v=v)
        legacy(s, "twice", settings(TOPIC, "atl", ("retention.ms", "1"), ("retention.ms", "2")), v=v)
        for topic in ("no-such", "", "a b"):
            legacy(s, f"topic {topic!r}", settings(TOPIC, topic, ("retention.ms", "1")), v=v)
        legacy(s, "none", settings(TOPIC, "atl"), v=v)
        described(s, f"none {v} then", TOPIC, "atl", "flush.ms", "retention.ms", "segment.ms")
        for kind in (0, 1, LOGGER, 77):
            legacy(s, f"type {kind}", settings(kind, "1", ("x", "1")), v=v)
        legacy(s, "several", settings(TOPIC, "atl", ("flush.ms", "7")), settings(TOPIC, "no-such"), v=v)
    legacy(s, "broker read only", settings(BROKER, "1", ("node.id", "5")), dry=True)
    for name in ("x", "7", "-1"):
        legacy(s, f"broker {name}", settings(BROKER, name, ("num.io.threads", "5")), dry=True)
    legacy(s, "all brokers' too many threads", settings(BROKER, "", ("num.io.threads", "50")), dry=True)
    legacy(s, "all brokers without min.insync.replicas", settings(BROKER, ""), dry=True)
    legacy(s, "all brokers", settings(BROKER, "", ("log.retention.ms", "1000"), ("min.insync.replicas", "1")))
    s.settle()
    described(s, "all brokers then", BROKER, "")
    legacy(s, "all brokers again", settings(BROKER, "", ("min.insync.replicas", "1")))
    legacy(s, "broker", settings(BROKER, "1"), dry=True)
    legacy(s, "broker's min.insync.replicas", settings(BROKER, "1", ("min.insync.replicas", "1")), dry=True)
    legacy(s, "metrics without a name", settings(METRICS, ""), dry=True)
    legacy(s, "group", settings(GROUP, "atl", ("consumer.session.timeout.ms", "1")), dry=True)


def alter_broker(s):
    def ask(label, name, *ops, dry=True):
        incremental(s, label, changes(BROKER, name, *ops), dry=dry)
    for name in ("1", "", "7", "x", "-1", " 1", "01", "+1", "99999999999"):
        ask(f"name {name!r}", name, ("log.retention.ms", SET, "500000000"))
    for name in ("1", ""):
        for key, value in (
                ("node.id", "5"), ("no.such", "5"), ("num.io.threads", "0"), ("num.io.threads", "100"),
                ("num.io.threads", "3"), ("num.io.threads", "16"), ("num.io.threads", "x"), ("num.network.threads", "7"),
                ("num.network.threads", "1"), ("background.threads", "100"), ("num.recovery.threads.per.data.dir", "9"),
                ("num.replica.fetchers", "3"), ("log.cleaner.threads", "2"), ("log.cleaner.threads", "3"),
                ("advertised.listeners", "PLAINTEXT://h:1"), ("ssl.keystore.location", "/x"), ("log.dirs", "/x"),
                ("listener.name.external.ssl.keystore.password", "x"), ("listener.name.plaintext.max.connections", "x"),
                ("listener.name.plaintext.max.connections", "5"), ("sasl.enabled.mechanisms", "PLAIN"),
                ("message.max.bytes", None), ("message.max.bytes", "-1"), ("auto.create.topics.enable", "false"),
                ("log.cleanup.policy", "x"), ("unclean.leader.election.enable", "x"), ("compression.type", "x"),
                ("log.local.retention.ms", "99999999999"), ("log.local.retention.ms", "5"),
                ("min.insync.replicas", "2"), ("min.insync.replicas", "0"), ("log.segment.bytes", "1"),
                ("max.connections.per.ip.overrides", "127.0.0.1:5,localhost:7")):
            ask(f"{name!r} {key}={value}", name, (key, SET, value))
        for key, how, value in (
                ("no.such", APPEND, "x"), ("no.such", SUBTRACT, "x"), ("no.such", DELETE, None),
                ("log.cleanup.policy", APPEND, "compact"), ("log.cleanup.policy", SUBTRACT, "delete"),
                ("log.cleanup.policy", APPEND, "x"), ("log.segment.bytes", APPEND, "5"),
                ("log.segment.bytes", SUBTRACT, "5"), ("node.id", DELETE, None), ("log.retention.ms", DELETE, None)):
            ask(f"{name!r} {key} {how} {value}", name, (key, how, value))
        ask(f"{name!r} nothing", name)
        ask(f"{name!r} several read-only", name, ("node.id", SET, "5"), ("broker.id", SET, "5"), ("log.dir", SET, "5"))
        ask(f"{name!r} twice", name, ("log.retention.ms", SET, "5"), ("log.retention.ms", SET, "5"))
    ask("min.insync.replicas deleted", "", ("min.insync.replicas", DELETE, None))
    keys = ("log.retention.ms", "log.cleanup.policy", "num.io.threads", "made.up")

    def shown(label):
        described(s, f"{label}, own", BROKER, "1", *keys)
        described(s, f"{label}, all", BROKER, "", *keys)
        s.settle()
        described(s, f"{label}, settled", BROKER, "1", *keys)
    ask("all brokers", "", ("log.retention.ms", SET, "500000000"), ("log.cleanup.policy", APPEND, "compact"), dry=False)
    s.settle()
    shown("all brokers")
    ask("own", "1", ("log.retention.ms", SET, "600000000"), ("made.up", SET, "x"), dry=False)
    s.settle()
    shown("own")
    s.topic("ab")
    described(s, "topic of it", TOPIC, "ab", "retention.ms", "cleanup.policy")
    ask("nothing of it", "", *((k, DELETE, None) for k in keys), dry=False)
    ask("nothing of own", "1", *((k, DELETE, None) for k in keys), dry=False)
    s.settle()
    shown("nothing")


def alter_loggers(s):
    def ask(label, *ops, name="1", dry=True):
        incremental(s, label, changes(LOGGER, name, *ops), dry=dry)
    for name in ("1", "", "7", "x"):
        ask(f"name {name!r}", ("root", SET, "INFO"), name=name)
    for level in ("TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "OFF", "info", "", None):
        ask(f"level {level}", ("root", SET, level))
    ask("unknown logger", ("no.such.logger", SET, "INFO"))
    ask("unknown logger deleted", ("no.such.logger", DELETE, None))
    ask("deleted", ("root", DELETE, None))
    ask("append", ("root", APPEND, "INFO"))
    ask("subtract", ("root", SUBTRACT, "INFO"))
    ask("twice", ("root", SET, "INFO"), ("root", SET, "WARN"))
    ask("nothing")
    for level in ("WARN", "INFO", "ERROR"):
        ask(f"set {level}", ("root", SET, level), dry=False)
        described(s, f"set {level} then", LOGGER, "1", "root")


def alter_others(s):
    def metrics(label, *ops, name="ao"):
        incremental(s, f"metrics {label}", changes(METRICS, name, *ops))

    def group(label, *ops, name="ao"):
        incremental(s, f"group {label}", changes(GROUP, name, *ops))
    for value in ("1000", "99", "100", "3600000", "3600001", "x", "-1", "", None):
        metrics(f"interval.ms={value}", ("interval.ms", SET, value))
    for value in ("client_id=[", "foo=1", "foo", "client_id=a=b", "", " client_id = a.* ", "client_id=*a", "client_id=(a",
                  "client_id=a)", "client_id=a\\", "client_id=", "client_id=a,client_id=b", "client_id=a,,",
                  "client_instance_id=a,client_software_name=b,client_software_version=c,client_source_address=d,"
                  "client_source_port=e", "client_id=(?i)a|b", "client_id=[^a]+"):
        metrics(f"match={value}", ("match", SET, value))
    for value in ("a,b", "", "*", "a,,b", "a,a", "org.apache.kafka."):
        metrics(f"metrics={value}", ("metrics", SET, value))
    metrics("append", ("metrics", APPEND, "c"))
    metrics("subtract", ("metrics", SUBTRACT, "c"))
    metrics("unknown", ("nope", SET, "1"))
    metrics("unknown deleted", ("nope", DELETE, None))
    metrics("without a name", ("interval.ms", SET, "1000"), name="")
    described(s, "metrics then", METRICS, "ao")
    for key, values in (
            ("consumer.session.timeout.ms", (45000, 44999, 60001)), ("consumer.heartbeat.interval.ms", (5000, 4999, 15001)),
            ("consumer.assignment.interval.ms", (0, 15001, -1)), ("share.session.timeout.ms", (44999, 60001)),
            ("share.heartbeat.interval.ms", (4999, 15001)), ("share.record.lock.duration.ms", (14999, 60001, 30000, 999)),
            ("share.delivery.count.limit", (1, 2, 5, 26)), ("share.partition.max.record.locks", (99, 100, 4001, 10001)),
            ("share.assignment.interval.ms", (15001,)), ("streams.session.timeout.ms", (44999, 60001)),
            ("streams.heartbeat.interval.ms", (4999, 15001)), ("streams.num.standby.replicas", (0, 2, 3)),
            ("streams.assignment.interval.ms", (15001,)), ("streams.initial.rebalance.delay.ms", (-1, 10**7)),
            ("share.isolation.level", ("read_committed", "x")),
            ("share.auto.offset.reset", ("earliest", "x", "by_duration:PT1H", "by_duration:x", "by_duration:-PT1H"))):
        for value in values:
            group(f"{key}={value}", (key, SET, str(value)))
    group("unknown", ("nope", SET, "1"))
    group("append", ("share.isolation.level", APPEND, "1"))
    group("without a name", ("consumer.session.timeout.ms", SET, "45000"), name="")
    group("two wrong", ("consumer.session.timeout.ms", SET, "1"), ("consumer.heartbeat.interval.ms", SET, "1"))
    group("two of share wrong", ("share.session.timeout.ms", SET, "1"), ("share.delivery.count.limit", SET, "1000"))
    group("wrong and unknown", ("share.session.timeout.ms", SET, "1"), ("nope", SET, "1000"))
    described(s, "group then", GROUP, "ao")
    metrics("gone", *((key, DELETE, None) for key in ("interval.ms", "match", "metrics")))
    group("gone", *((key, DELETE, None) for key in (
        "consumer.session.timeout.ms", "consumer.heartbeat.interval.ms", "consumer.assignment.interval.ms",
        "share.delivery.count.limit", "share.partition.max.record.locks", "share.record.lock.duration.ms",
        "share.isolation.level", "share.auto.offset.reset", "streams.num.standby.replicas",
        "streams.initial.rebalance.delay.ms")))
    described(s, "group gone", GROUP, "ao")


def list_resources(s):
    incremental(s, "made", changes(METRICS, "lr", ("interval.ms", SET, "1000")),
                changes(GROUP, "lr", ("consumer.session.timeout.ms", SET, "45000")))
    s.ask("metrics", "ListConfigResources", 0, {})
    for kinds in ((BROKER,), (LOGGER,), (METRICS,), (GROUP,), (METRICS, METRICS), (METRICS, BROKER), (0,), (1,), (64,),
                  (-1,), (BROKER, 99)):
        s.ask(f"types {kinds}", "ListConfigResources", 1, {"ResourceTypes": kinds})


def effects(s):
    """Settings that change while the node runs are acted on."""
    s.topic("eff")

    def produced(label, size=3000, **more):
        s.ask(f"{label}: produce", "Produce", 12, produce_to(s, "eff", batch([b"x" * size], **more), 12))

    def change(label, kind, name, *ops):
        incremental(s, label, changes(kind, name, *ops))
        s.settle()
    produced("at first")
    for label, kind, name, key in (("topic", TOPIC, "eff", "max.message.bytes"), ("all", BROKER, "", "message.max.bytes"),
                                   ("own", BROKER, "1", "message.max.bytes")):
        change(f"{label} small", kind, name, (key, SET, "1000"))
        produced(f"{label} small")
        change(f"{label} deleted", kind, name, (key, DELETE, None))
        produced(f"{label} deleted")
    change("all small, own large", BROKER, "", ("message.max.bytes", SET, "1000"))
    change("own large", BROKER, "1", ("message.max.bytes", SET, "5000"))
    produced("own large")
    change("own gone", BROKER, "1", ("message.max.bytes", DELETE, None))
    produced("own gone")
    change("all gone", BROKER, "", ("message.max.bytes", DELETE, None))
    change("append time", TOPIC, "eff", ("message.timestamp.type", SET, "LogAppendTime"))
    produced("append time")
    change("create time", TOPIC, "eff", ("message.timestamp.type", DELETE, None), (
        "message.timestamp.after.max.ms", SET, "1"))
    produced("create time", first_time=1 << 45)
    change("any time", BROKER, "", ("log.message.timestamp.after.max.ms", SET, str(2**63 - 1)))
    change("any time of the topic", TOPIC, "eff", ("message.timestamp.after.max.ms", DELETE, None))
    produced("any time", first_time=1 << 45)
    change("not any time", BROKER, "", ("log.message.timestamp.after.max.ms", DELETE, None))


def elections(s):
    """ElectLeaders."""
    for name in ("el-a", "el-b"):
        s.topic(name, 2)

    def ask(name, kind, *topics, v=2, **more):
        s.ask(name, "ElectLeaders", v, {"ElectionType": kind, "TopicPartitions": [
            {"Topic": n, "Partitions": p} for n, *p in topics], "TimeoutMs": 10000, **more})
    for v in versions("ElectLeaders"):
        ask("preferred", 0, ("el-a", 0, 1, 2, -1), ("no-such", 0), v=v)
        if v:
            ask("unclean", 1, ("el-a", 0, 7), ("no-such", 0), v=v)
            for kind in (-1, 2, 127):
                ask(f"type {kind}", kind, ("el-a", 0, 1), v=v)
        ask("nothing", 0, v=v)
        ask("no partitions", 0, ("el-a",), v=v)
        ask("twice", 0, ("el-a", 0, 0), ("el-a", 0), v=v)
        ask("bad names", 0, ("", 0), ("a b", 0), v=v)
    ask("type 2, all", 2, TopicPartitions=None)


def reassignments(s):
    s.topic("re", 2)

    def ask(name, *topics, v=1, **more):
        s.ask(name, "AlterPartitionReassignments", v, {"TimeoutMs": 10000, "Topics": [
            {"Name": n, "Partitions": [{"PartitionIndex": i, "Replicas": r} for i, r in parts]}
            for n, *parts in topics], **more})

    def listed(name, topics):
        s.ask(name, "ListPartitionReassignments", 0, {"TimeoutMs": 10000, "Topics": topics and [
            {"Name": n, "PartitionIndexes": i} for n, *i in topics]})
    for v in versions("AlterPartitionReassignments"):
        for label, replicas in (("as it is", [1]), ("unknown broker", [2]), ("empty", []), ("twice", [1, 1]), ("cancel", None),
                                ("one more", [1, 2]), ("negative", [-1])):
            ask(label, ("re", (0, replicas)), v=v)
        ask("unknown partition", ("re", (9, [1])), v=v)
        ask("unknown partition, cancel", ("re", (9, None)), v=v)
        ask("unknown topic", ("no-such", (0, [1])), v=v)
        ask("unknown topic, cancel", ("no-such", (0, None)), v=v)
        ask("partition twice", ("re", (0, [1]), (0, [1])), v=v)
        ask("topic twice", ("re", (0, [1])), ("re", (1, [1])), v=v)
        ask("no partitions", ("re",), v=v)
        ask("nothing", v=v)
    ask("no change of the factor", ("re", (0, [1, 2])), AllowReplicationFactorChange=False)
    ask("no change of the factor, as it is", ("re", (0, [1])), AllowReplicationFactorChange=False)
    listed("all", None)
    listed("some", [("re", 0, 9), ("no-such", 0)])
    listed("none", [])


def quorum(s):
    def ask(name, *topics, v=2):
        s.ask(name, "DescribeQuorum", v, {"Topics": [
            {"TopicName": n, "Partitions": [{"PartitionIndex": i} for i in parts]} for n, *parts in topics]})
    for v in versions("DescribeQuorum"):
        ask("the log", ("__cluster_metadata", 0), v=v)
        ask("nothing", v=v)
        ask("another topic", ("no-such", 0), v=v)
        ask("another partition", ("__cluster_metadata", 1), v=v)
        ask("two partitions", ("__cluster_metadata", 0, 1), v=v)
        ask("two topics", ("__cluster_metadata", 0), ("no-such", 0), v=v)
        ask("no partition", ("__cluster_metadata",), v=v)


def features(s):
    def ask(name, *wanted, v=2, dry=True):
        updates = [{"Feature": f, "MaxVersionLevel": level, **(
            {"UpgradeType": how} if v else {"AllowDowngrade": how > 1})} for f, level, how in wanted]
        s.ask(name, "UpdateFeatures", v, {"timeoutMs": 10000, "FeatureUpdates": updates, **(
            {"ValidateOnly": dry} if v else {})})
    version = "metadata.version"
    for feature, levels in (
            (version, (-1, 0, 6, 7, 22, 29, 30, 31, 32767)), ("no.such", (-1, 0, 1)), ("", (0, 1)), ("kraft.version", (-1, 2)),
            ("group.version", (-1, 0, 1, 2)), ("transaction.version", (0, 1, 2, 3)), ("share.version", (0, 1, 2)),
            ("streams.version", (0, 1, 2)), ("eligible.leader.replicas.version", (0, 1, 2))):
        for level in levels:
            for how in (1, 2, 3):
                ask(f"{feature} {level} type {how}", (feature, level, how))
    for how in (-1, 0, 4):
        ask(f"type {how}", (version, 30, how))
    for v in versions("UpdateFeatures"):
        ask("nothing", v=v)
        ask("as it is", (version, 30, 1), v=v)
        ask("two as they are", (version, 30, 1), ("group.version", 1, 1), v=v)
        ask("one good, one not", (version, 30, 1), ("no.such", 1, 1), v=v)
        ask("one not, one good", ("no.such", 1, 1), (version, 30, 1), v=v)
        ask("unknown", ("no.such", 1, 2), v=v)
        ask("down without saying so", ("group.version", 0, 1), v=v)
        ask("twice", (version, 30, 1), (version, 30, 1), v=v)
    for level, how in ((0, 2), (0, 3), (1, 2), (1, 1)):
        ask(f"share.version becomes {level}, type {how}", ("share.version", level, how), dry=False)
        s.settle()
        s.ask(f"share.version became {level}, type {how}", "ApiVersions", 4, {
            "ClientSoftwareName": "test", "ClientSoftwareVersion": "1.0"})
        described(s, f"share.version became {level}, type {how}", BROKER, "", "min.insync.replicas")


def log_dirs(s):
    s.topic("ld", 3)
    s.produce("ld", batch([b"x" * 1000]))

    def ask(name, *topics, v=5):
        s.ask(name, "DescribeLogDirs", v, {"Topics": [{"Topic": n, "Partitions": p} for n, *p in topics]})
    for v in versions("DescribeLogDirs"):
        ask("one", ("ld", 0), v=v)
        ask("all", ("ld", 0, 1, 2), v=v)
        ask("none", v=v)
        ask("no partitions", ("ld",), v=v)
        ask("unknown topic", ("no-such", 0), v=v)
        ask("unknown partition", ("ld", 9, -1, 1), v=v)
        ask("twice", ("ld", 0, 0), ("ld", 0, 2), v=v)
    ask("the metadata log", ("__cluster_metadata", 0))
    ask("bad name", ("a b", 0), ("", 0))


def epochs(s):
    """OffsetForLeaderEpoch."""
    s.topic("ep", 2)
    s.produce("ep", batch([b"a", b"b", b"c"]))

    def ask(name, topic="ep", partition=0, epoch=0, current=-1, replica=-1, v=4):
        s.ask(name, "OffsetForLeaderEpoch", v, {**({"ReplicaId": replica} if v >= 3 else {}), "Topics": [
            {"Topic": topic, "Partitions": [
                {"Partition": partition, "CurrentLeaderEpoch": current, "LeaderEpoch": epoch}]}]})
    for v in versions("OffsetForLeaderEpoch"):
        for epoch in (0, 1, -1, -2, 2**31 - 1):
            ask(f"epoch {epoch}", epoch=epoch, v=v)
            ask(f"empty, epoch {epoch}", epoch=epoch, partition=1, v=v)
        for current in (0, 1, -2):
            ask(f"current {current}", current=current, v=v)
        for partition in (-1, 7):
            ask(f"partition {partition}", partition=partition, v=v)
        ask("unknown topic", topic="no-such", v=v)
        for replica in (-2, 1, 5) if v >= 3 else ():
            ask(f"replica {replica}", replica=replica, v=v)
        s.ask("nothing", "OffsetForLeaderEpoch", v, {"Topics": []})
        s.ask("no partitions", "OffsetForLeaderEpoch", v, {"Topics": [{"Topic": "ep", "Partitions": []}]})


def unregister(s):
    for broker in (7, -1, 2**31 - 1):
        s.ask(f"broker {broker}", "UnregisterBroker", 0, {"BrokerId": broker})


ALL = [pages, partitions, alter_topic, alter_topic_legacy, alter_broker, alter_loggers, alter_others, list_resources,
       effects, elections, reassignments, quorum, features, log_dirs, epochs, unregister]
