"""Cases of test_protocol about groups of the new protocol (KIP-848)."""
import time

from protocol_cases import UNKNOWN, versions
from protocol_cases_groups import coordinated

BEAT = "ConsumerGroupHeartbeat"


def parts(s, **topics):
    return [{"TopicId": s.id(name), "Partitions": partitions} for name, partitions in topics.items()]


class Group:
    """Heartbeats to one group, each followed by how the group is then."""

    def __init__(self, s, name):
        self.s, self.name, self.count = s, name, 0

    def describe(self, what):
        self.s.ask(f"{self.name}: after {what}", "ConsumerGroupDescribe", 1,
                   {"GroupIds": [self.name], "IncludeAuthorizedOperations": True})

    def beat(self, member, epoch, version=1, **more):
        self.count += 1
        body = {"GroupId": self.name, "MemberId": member, "MemberEpoch": epoch, **more}
        if version == 0:
            body.pop("SubscribedTopicRegex", None)
        what = f"{self.count} {member} {epoch} v{version}"
        answer = self.s.ask(f"{self.name}: {what}", BEAT, version, body)
        self.describe(what)
        return answer

    def join(self, member, names=("ca",), version=1, **more):
        return self.beat(member, 0, version, **{
            "RebalanceTimeoutMs": 60000, "SubscribedTopicNames": None if names is None else list(names),
            "TopicPartitions": [], **more})

    @staticmethod
    def interval():
        """group.consumer.assignment.interval.ms passes."""
        time.sleep(1.3)


def begin(s):
    coordinated(s)
    for name, partitions in (("ca", 4), ("cb", 3)):
        if name not in s.ids:
            s.create(name, partitions)
    s.settle()


def consumer_members(s):
    begin(s)
    for version in versions(BEAT):
        g = Group(s, f"cg-two-{version}")
        g.join("a", version=version)
        g.join("b", version=version)
        g.interval()
        g.beat("b", 2, version)
        g.beat("a", 2, version, TopicPartitions=parts(s, ca=[0, 1, 2, 3]))
        g.beat("b", 3, version)
        g.beat("a", 2, version)
        g.beat("a", 2, version, TopicPartitions=parts(s, ca=[0, 1]))
        g.beat("b", 3, version)
        g.beat("a", 2, version, TopicPartitions=parts(s, ca=[0]))       # the answer was lost
        g.beat("a", 2, version, TopicPartitions=parts(s, ca=[0, 1, 2]))  # more than it has
        g.beat("a", 2, version)
        g.beat("a", 7, version)
        g.beat("c", 3, version)
        g.beat("a", 3, version, RebalanceTimeoutMs=50000, SubscribedTopicNames=["cb", "ca", "ca"],
               TopicPartitions=parts(s, ca=[0, 1]))
        g.interval()
        g.beat("a", 3, version, SubscribedTopicNames=["cb"], TopicPartitions=parts(s, ca=[0, 1]))
        g.beat("a", 3, version, TopicPartitions=[])
        g.beat("a", -1, version)
        g.beat("a", -1, version)
        g.interval()
        g.beat("b", 3, version)
        g.beat("b", -1, version)
        g.join("b", ["nosuch"], version)
    g = Group(s, "cg-again")
    g.join("a", ["ca", "cb"])
    g.join("a", ["ca", "cb"])
    g.join("a", ["ca"])
    g.interval()
    g.join("a", ["ca"], ServerAssignor="range")
    g.join("a", [])
    Group(s, "cg-empty").join("a", [])
    g = Group(s, "cg-nosuch")
    g.join("a", ["none", "nix"])
    g.beat("a", 2)


def consumer_range(s):
    begin(s)
    g = Group(s, "cr")
    g.join("a", ["ca", "cb"], ServerAssignor="range")
    g.join("b", ["ca", "cb"], ServerAssignor="range")
    g.join("c", ["ca"], ServerAssignor="uniform")
    g.interval()
    g.beat("c", 2)
    g.beat("a", 2, TopicPartitions=parts(s, ca=[0, 1, 2, 3], cb=[0, 1, 2]))
    g.beat("a", 2, TopicPartitions=parts(s, ca=[0, 1], cb=[0, 1]))
    g.beat("b", 2)
    g.beat("c", 4)


def consumer_statics(s):
    begin(s)
    g = Group(s, "cs")
    i = {"InstanceId": "i"}
    g.join("a", **i)
    g.join("b", **i)
    g.beat("b", 2, **i)
    g.beat("b", 2, InstanceId="k")
    g.beat("a", 2, **i)
    g.beat("b", -2, **i)
    g.beat("b", -2)
    g.beat("a", -2, **i)
    g.beat("a", 2, **i)
    g.join("b", **i)
    g.beat("a", 2, **i)
    g.beat("b", 2, **i)
    g.beat("b", -2, InstanceId="k")
    g.beat("a", -1, **i)
    g.beat("b", -2, **i)
    g.join("c", ["ca", "cb"], **i)
    g.join("d", InstanceId="j", RackId="r")
    g.interval()
    g.beat("c", 2, **i)
    g.beat("c", 3, TopicPartitions=parts(s, ca=[0, 1, 2, 3], cb=[0, 1, 2]), **i)
    g.beat("d", -2, InstanceId="j")
    g.join("d", InstanceId="j")
    g.beat("c", -1, **i)
    g.beat("d", -1, InstanceId="j")


def consumer_regex(s):
    begin(s)
    s.create("rx-1", 2)
    s.settle()
    g = Group(s, "cx")
    g.join("a", None, SubscribedTopicRegex="rx-.*")
    time.sleep(1.5)
    g.beat("a", 1)
    g.join("b", ["rx-1"])
    g.interval()
    g.beat("b", 2)
    g.beat("a", 2, SubscribedTopicNames=["ca"], SubscribedTopicRegex="")
    g.beat("b", -1)
    g.beat("a", -1)
    for text in ("[", "(", "a)", "*", "a**", "[z-a]", "\\", "\\1", "(?P<n", "(?=a)", "a{1001}", "\\pX", "[[:no:]]"):
        Group(s, f"cx {text}").join("a", None, SubscribedTopicRegex=text)
    g.join("a", ["ca"], SubscribedTopicRegex="(?i)NO")
    g.beat("a", 7, SubscribedTopicRegex="[")


def consumer_requests(s):
    begin(s)
    g = Group(s, "cq")
    Group(s, "").join("a")
    Group(s, " ").join("a")
    g.join("")
    g.join(" ")
    g.beat("", 1)
    g.beat("", -1)
    g.beat("a", 3)
    g.beat("a", -1)
    g.beat("a", -2)
    g.beat("a", -2, InstanceId="i")
    g.beat("a", -3)
    g.beat("a", 0)
    g.beat("", 1, 0)
    g.beat("", -1, 0)
    g.beat("", -2, 0)
    for more in ({"InstanceId": ""}, {"InstanceId": " "}, {"RackId": ""}, {"TopicPartitions": None},
                 {"TopicPartitions": parts(s, ca=[0])}, {"SubscribedTopicNames": None}, {"RebalanceTimeoutMs": -1},
                 {"ServerAssignor": ""}, {"ServerAssignor": "none"}, {"ServerAssignor": "Range"}):
        g.join("a", **more)
    for version in versions("ConsumerGroupDescribe"):
        s.ask("several", "ConsumerGroupDescribe", version,
              {"GroupIds": ["cq", "none", "", "cq"], "IncludeAuthorizedOperations": False})
        s.ask("none", "ConsumerGroupDescribe", version, {"GroupIds": [], "IncludeAuthorizedOperations": True})


def consumer_offsets(s):
    begin(s)
    g = Group(s, "co")

    def commit(member, epoch, version=9, topic="ca", partition=0):
        named = {"TopicId": s.ids.get(topic, UNKNOWN)} if version >= 10 else {"Name": topic}
        s.ask(f"{g.count} {member} {epoch} {topic}-{partition}", "OffsetCommit", version, {
            "GroupId": g.name, "GenerationIdOrMemberEpoch": epoch, "MemberId": member, "Topics": [
                {**named, "Partitions": [{"PartitionIndex": partition, "CommittedOffset": 5}]}]})

    def fetch(member, epoch, version=9):
        s.ask(f"{g.count} {member} {epoch}", "OffsetFetch", version, {
            "Groups": [{"GroupId": g.name, "MemberId": member, "MemberEpoch": epoch, "Topics": None}]})

    g.join("a")
    for member, epoch in (("a", 2), ("a", 1), ("a", 0), ("a", 3), ("a", -1), ("b", 2), ("", -1), ("", 2)):
        for version in (8, 9, 10):
            commit(member, epoch, version)
        fetch(member, epoch)
    fetch(None, -1)
    fetch(None, 2)
    g.join("b")
    g.interval()
    g.beat("a", 2, TopicPartitions=parts(s, ca=[0, 1, 2, 3]))
    commit("a", 2, partition=3)
    g.beat("a", 2, TopicPartitions=parts(s, ca=[0, 1]))
    for epoch in (2, 3):
        for partition in (0, 3):
            commit("a", epoch, partition=partition)
    commit("a", 2, topic="cb")
    s.ask("subscribed", "OffsetDelete", 0, {"GroupId": g.name, "Topics": [
        {"Name": "ca", "Partitions": [{"PartitionIndex": 0}]}, {"Name": "cb", "Partitions": [{"PartitionIndex": 0}]}]})
    s.ask("as a classic group", "DescribeGroups", 6, {"Groups": [g.name]})
    s.ask("with members", "DeleteGroups", 2, {"GroupsNames": [g.name]})
    g.beat("a", -1)
    g.beat("b", -1)
    commit("", -1)
    fetch(None, -1)
    s.ask("empty", "DeleteGroups", 2, {"GroupsNames": [g.name]})
    g.describe("its end")
    fetch(None, -1, 8)


ALL = [consumer_members, consumer_range, consumer_statics, consumer_regex, consumer_requests, consumer_offsets]
