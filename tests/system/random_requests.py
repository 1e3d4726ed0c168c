"""Random requests from the schema: of any API and version, with values that get past the first checks.

A Generator draws a message as a dict for protocol.encode; where a topic's id belongs stands a TopicId, which each node has
its own bytes for (see resolve). The same seed draws the same messages.
"""
import uuid

from batches import batch, record
from protocol import MESSAGES, default

TOPICS = ["rnd-0", "rnd-0", "rnd-1", "rnd-1", "rnd-2", "no-such", "a b", "", "__consumer_offsets", "x" * 250]
GROUPS = ["rnd-group", "rnd-group", "other", ""]
PARTITIONS = [0, 0, 0, 1, 2, 9, -1]
BROKERS = [1, 1, 1, 2, -1]
EPOCHS = [-1, -1, 0, 0, 1, -2]

TOPIC_SETTINGS = {
    "max.message.bytes": ["1000000", "500", "-1", "x"], "flush.ms": ["1000", "-1", "x"], "cleanup.policy": ["delete", "x", ""],
    "min.insync.replicas": ["1", "2", "0"], "message.timestamp.type": ["CreateTime", "x"], "segment.bytes": ["1048576", "5"],
    "compression.type": ["producer", "x"], "no.such": ["1"], "": ["1"], "index.interval.bytes": ["100", "-1"],
    "leader.replication.throttled.replicas": ["0:1", "*", "x", ""], "retention.ms": ["-1", "-2"], "preallocate": ["false", "x"],
    "unclean.leader.election.enable": ["true", "false", "x"], "remote.storage.enable": ["true", "false"]}
BROKER_SETTINGS = {
    "message.max.bytes": ["2000000", "-1", "x"], "log.flush.interval.ms": ["100000", "x"], "node.id": ["5"], "made.up": ["y"],
    "num.io.threads": ["8", "100", "0"], "log.cleanup.policy": ["delete", "x"], "advertised.listeners": ["PLAINTEXT://:1"],
    "ssl.keystore.location": ["/x"], "log.retention.ms": ["-1", "1000000000"], "min.insync.replicas": ["1", "0"]}
OTHER_SETTINGS = {
    4: BROKER_SETTINGS, 2: TOPIC_SETTINGS, 8: {"root": ["INFO", "x"], "no.such": ["INFO"]},
    16: {"interval.ms": ["1000", "5", "x"], "metrics": ["a,b", ""], "match": ["client_id=a", "x"], "nope": ["1"]},
    32: {"consumer.session.timeout.ms": ["45000", "1", "x"], "share.isolation.level": ["read_committed", "x"], "nope": ["1"]}}

STRINGS = {
    "GroupId": GROUPS, "Groups": GROUPS, "GroupsNames": GROUPS, "GroupIds": GROUPS, "MemberId": ["", "", "no-such"],
    "Key": GROUPS, "CoordinatorKeys": GROUPS, "GroupInstanceId": [None, None, "static"], "ProtocolType": ["consumer", "x"],
    "StatesFilter": ["Stable", "Empty", "x"], "TypesFilter": ["classic", "consumer", "x"], "TransactionalId": [None],
    "ClientSoftwareName": ["test", "", "a b"], "ClientSoftwareVersion": ["1.0", ""], "RackId": ["", "rack"],
    "ClusterId": [None, "other"], "Feature": ["group.version", "metadata.version", "no.such", "share.version", ""],
    "CommittedMetadata": ["", "meta", None], "Reason": [None, "why"], "ResourceName": ["x"],
    "TopicName": TOPICS, "Topic": TOPICS, "Name": TOPICS, "TopicNames": TOPICS}

NUMBERS = {
    "ReplicaId": [-1, -1, -1, -2, 1, 5], "BrokerIds": BROKERS, "Replicas": BROKERS, "BrokerId": [7, -1],
    "Count": [1, 2, 3, 4, 0, -1], "NumPartitions": [-1, 1, 2, 3, 0, -2], "ReplicationFactor": [-1, 1, 1, 2, 0, -2],
    "MaxBytes": [0, 1, 500, 1 << 20], "PartitionMaxBytes": [0, 1, 500, 1 << 20], "MinBytes": [0, 1], "MaxWaitMs": [0, 1],
    "SessionId": [0, 0, 0, 12345], "SessionEpoch": [-1, -1, 0, 1], "ResponsePartitionLimit": [0, 1, 3, 2000],
    "GenerationId": [-1, 0, 5], "GenerationIdOrMemberEpoch": [-1, 0, 5], "TransactionTimeoutMs": [60000, 1, -1],
    "FetchOffset": [0, 0, 1, 3, 100, -1], "Offset": [0, 1, 3, -1, 1000], "LogStartOffset": [-1, 0],
    "CommittedOffset": [0, 5, -1, 100], "Timestamp": [-1, -2, -3, -4, 0, 1000, 2500, 1 << 40],
    "RetentionTimeMs": [-1, 1000], "CommitTimestamp": [-1], "ProducerId": [-1, -1, 5], "ProducerEpoch": [-1, -1, 0],
    "ResourceType": [2, 2, 2, 4, 4, 8, 16, 32, 0], "ResourceTypes": [2, 4, 8, 16, 32, 0], "ConfigOperation": [0, 0, 1, 2, 3],
    "IsolationLevel": [0, 1], "KeyType": [0, 0, -1, 9], "EndpointType": [1, 1, 2, 0], "ElectionType": [0, 0, 1, 2],
    "MaxVersionLevel": [0, 1, 30, 99, -1], "UpgradeType": [1, 2, 3], "Acks": [1, -1], "HighWatermark": [-1]}


class TopicId:
    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"id of {self.name or 'none'}"


def resolve(value, ids):
    """With each TopicId as this node has it."""
    if isinstance(value, TopicId):
        return ids.get(value.name, uuid.UUID(int=0) if value.name is None else uuid.uuid5(uuid.NAMESPACE_OID, value.name))
    if isinstance(value, dict):
        return {key: resolve(item, ids) for key, item in value.items()}
    return [resolve(item, ids) for item in value] if isinstance(value, list) else value


class Generator:
    def __init__(self, random):
        self.random = random

    def message(self, api, version):
        """A request's body."""
        self.resource = 2
        value = self.struct(MESSAGES[api + "Request"].body, version)
        return self.tame(api, version, value)

    def struct(self, kind, version):
        plain, tagged, _, flexible = kind.plan(version)
        value = {}
        for field, _ in plain:
            value[field.name] = self.field(kind, field, version)
            if field.name == "ResourceType":
                self.resource = value[field.name]
            if field.name == "ResourceName":
                value[field.name] = self.resource_name()
        for field, _ in tagged if flexible else ():
            if self.random.random() < 0.3:
                value[field.name] = self.field(kind, field, version)
        if kind.name in ("AlterableConfig", "CreatableTopicConfig") or {"Name", "Value"} == set(value):
            self.setting(kind, value)
        return value

    def setting(self, kind, value):
        pool = TOPIC_SETTINGS if kind.name == "CreatableTopicConfig" else OTHER_SETTINGS.get(self.resource, TOPIC_SETTINGS)
        value["Name"] = self.random.choice(list(pool))
        value["Value"] = self.random.choice([*pool[value["Name"]], None] if self.random.random() < 0.2 else pool[value["Name"]])

    def resource_name(self):
        pools = {2: TOPICS, 4: ["1", "1", "", "7", "x"], 8: ["1", "1", "", "7"], 16: ["rnd-metrics", ""], 32: ["rnd-group", ""]}
        return self.random.choice(pools.get(self.resource, ["x"]))

    def field(self, kind, field, version):
        nullable = field.nullable and version in field.nullable
        if field.array:
            if nullable and self.random.random() < 0.2:
                return None
            count = self.random.choice([0, 1, 1, 1, 1, 2, 3])
            return [self.one(kind, field, version) for _ in range(count)]
        if field.is_pointer and nullable and self.random.random() < 0.5:
            return None
        if nullable and field.type in ("string", "bytes") and self.random.random() < 0.1:
            return None
        return self.one(kind, field, version)

    def one(self, kind, field, version):
        choose = self.random.choice
        if not field.is_scalar:
            return self.struct(field.nested, version)
        if field.type == "string":
            if field.name == "ConfigurationKeys":
                return choose(list(OTHER_SETTINGS.get(self.resource, TOPIC_SETTINGS)))
            value = choose(STRINGS.get(field.name, TOPICS))
            return value if value is not None or field.nullable and version in field.nullable else ""
        if field.type == "records":
            return self.records()
        if field.type == "bytes":
            return choose([b"", b"x", b"\0" * 20])
        if field.type == "uuid":
            return TopicId(choose([*TOPICS[:6], None]))
        if field.type == "bool":
            return choose([False, True])
        if field.type == "float64":
            return choose([0.0, 1.5])
        if field.name in NUMBERS:
            return choose(NUMBERS[field.name])
        if "Timeout" in field.name or field.name == "timeoutMs":
            return 5000
        if "artition" in field.name or field.name == "Index":
            return choose(PARTITIONS)
        if "poch" in field.name:
            return choose(EPOCHS)
        return choose([default(field), 0, 1])

    def records(self):
        choose = self.random.choice
        values = [b"v" * choose([1, 10, 700]) for _ in range(choose([1, 1, 2, 5]))]
        kind = choose(["plain"] * 6 + ["empty", "crc", "cut", "keyed", "idempotent"])
        if kind == "empty":
            return b""
        if kind == "crc":
            return batch(values, crc=1)
        if kind == "cut":
            return batch(values)[:-3]
        if kind == "keyed":
            return batch([b""], records=record(0, key=b"k", value=b"v"))
        if kind == "idempotent":
            return batch(values, producer=choose([70, 71]), producer_epoch=0, sequence=choose([0, 1, 2]))
        return batch(values, first_time=choose([0, 1000, 3000]))

    def tame(self, api, version, value):
        """Without what the two cannot answer alike by their nature."""
        value = distinct(value)
        if api in PARTITIONS_OF:
            value = with_partitions(value)
        if api in NOT_OF_GROUPS:
            value = renamed(value)
        if api == "DescribeLogDirs" and value["Topics"] is None:
            value["Topics"] = []
        if api == "Metadata" and version < 4 and value["Topics"]:
            value["Topics"] = value["Topics"][:3]
        if api == "UpdateFeatures":
            if version:
                value["ValidateOnly"] = True  # levels are cluster-wide
            else:
                value["FeatureUpdates"] = [{**u, "Feature": "no.such"} for u in value["FeatureUpdates"]]
            value["FeatureUpdates"] = value["FeatureUpdates"][:1]
        for resource in value["Resources"] if api in ("AlterConfigs", "IncrementalAlterConfigs") else ():
            resource["Configs"] = resource["Configs"][:1]  # which of several wrong ones is told is a hash map's choice
            if api == "AlterConfigs" and resource["ResourceType"] == 4 and resource["ResourceName"] == "":
                resource["Configs"].append({"Name": "min.insync.replicas", "Value": "1"})
        if api == "Fetch":
            value["Topics"] = [t for t in value["Topics"] if "TopicId" not in t or t["TopicId"].name]  # Kafka fails at it
        if api == "CreateTopics":
            value["Topics"] = [t for t in value["Topics"] if len(t["Name"]) < 200]
            for topic in value["Topics"]:
                topic["Configs"] = topic["Configs"][:1]
        if api == "InitProducerId" and "ProducerId" in value:
            value["ProducerId"] = value["ProducerEpoch"] = -1
        return value


# Where Kafka leaves out a topic that is named without partitions.
PARTITIONS_OF = {"Produce", "Fetch", "ListOffsets", "OffsetCommit", "OffsetFetch", "OffsetDelete"}
# What a coordinator writes is its own affair, and where it writes it is not to be taken away from it.
NOT_OF_GROUPS = {"Fetch", "ListOffsets", "OffsetForLeaderEpoch", "DescribeLogDirs", "DescribeProducers", "DeleteTopics",
                 "CreatePartitions", "AlterConfigs", "IncrementalAlterConfigs"}
KEYS = ("Name", "Topic", "TopicName", "TopicId", "PartitionIndex", "Partition", "Index", "GroupId", "Feature", "MemberId",
        "ResourceType", "ResourceName")


def distinct(value):
    """What is named twice is for scripts: Kafka merges the two, or takes either."""
    if isinstance(value, dict):
        return {key: distinct(item) for key, item in value.items()}
    if not isinstance(value, list):
        return value
    kept, seen = [], set()
    for item in value:
        key = repr([item.get(k) for k in KEYS if k in item]) if isinstance(item, dict) else repr(item)
        if key not in seen or key == "[]":
            kept.append(distinct(item))
        seen.add(key)
    return kept


def renamed(value):
    if isinstance(value, dict):
        return {key: renamed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [renamed(item) for item in value]
    return "no-such-either" if value == "__consumer_offsets" else value


def with_partitions(value):
    if isinstance(value, dict):
        return {key: with_partitions(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_partitions(item) for item in value if not isinstance(item, dict) or all(
            item.get(key) != [] for key in ("Partitions", "PartitionData", "PartitionIndexes"))]
    return value
