"""Cases of test_protocol about groups: members of the classic protocol, offsets, administration."""
import struct
import time

from protocol_cases import UNKNOWN, ZERO, versions

RANGE = {"Name": "range", "Metadata": b"r"}
ROUND = {"Name": "roundrobin", "Metadata": b"rr"}
STICKY = {"Name": "sticky", "Metadata": b"s"}


def coordinated(s):
    """All coordinators are there: one of Kafka that is loading says so."""
    deadline = time.monotonic() + 30
    groups = [{"GroupId": f"none-{i}", "MemberEpoch": -1, "Topics": []} for i in range(500)]
    while True:
        found = s.control("FindCoordinator", 4, {"KeyType": 0, "CoordinatorKeys": ["a"]})["Coordinators"][0]
        if found["ErrorCode"] == 0:
            found = s.control("OffsetFetch", 8, {"RequireStable": False, "Groups": groups})["Groups"]
            if all(group["ErrorCode"] == 0 for group in found):
                return
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def join_of(group, member="", protocols=(RANGE,), kind="consumer", instance=None, session=10000, rebalance=10000):
    return {"GroupId": group, "SessionTimeoutMs": session, "RebalanceTimeoutMs": rebalance, "MemberId": member,
            "GroupInstanceId": instance, "ProtocolType": kind, "Protocols": list(protocols), "Reason": None}


def sync_of(group, member, generation, assignments=(), instance=None, kind="consumer", protocol="range"):
    return {"GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance,
            "ProtocolType": kind, "ProtocolName": protocol,
            "Assignments": [{"MemberId": m, "Assignment": a} for m, a in assignments]}


def beat_of(group, member, generation, instance=None):
    return {"GroupId": group, "GenerationId": generation, "MemberId": member, "GroupInstanceId": instance}


def leave_of(group, *members, instance=None):
    return {"GroupId": group, "MemberId": members[0] if members else "", "Members": [
        {"MemberId": m, "GroupInstanceId": instance, "Reason": None} for m in members]}


def describe_of(*groups):
    return {"Groups": list(groups), "IncludeAuthorizedOperations": True}


def join(s, name, group, version=9, **more):
    """A member id as the version gives it; then the join with it. The last answer."""
    answer = s.ask(name, "JoinGroup", version, join_of(group, **more))
    if answer.get("ErrorCode") == 79:
        more["member"] = answer["MemberId"]
        answer = s.ask(f"{name} with its id", "JoinGroup", version, join_of(group, **more))
    return answer


def stable(s, name, group, version=9, assignment=b"all", **more):
    """A group of one member, which leads; its id and generation."""
    answer = join(s, f"{name} joins", group, version, **more)
    member, generation = answer["MemberId"], answer["GenerationId"]
    s.ask(f"{name} syncs", "SyncGroup", 5, sync_of(group, member, generation, [(member, assignment)],
                                                    instance=more.get("instance"), kind=more.get("kind", "consumer"),
                                                    protocol=answer["ProtocolName"]))
    return member, generation


def members(s):
    coordinated(s)
    for v in versions("JoinGroup"):
        group = f"m-{v}"
        answer = join(s, "first", group, v)
        member, generation = answer["MemberId"], answer["GenerationId"]
        s.ask(f"{v}: completing", "DescribeGroups", 5, describe_of(group))
        s.ask("first again", "JoinGroup", v, join_of(group, member))
        s.ask(f"{v}: sync", "SyncGroup", 3, sync_of(group, member, generation, [(member, b"mine"), ("other", b"x")]))
        s.ask(f"{v}: sync again", "SyncGroup", 5, sync_of(group, member, generation))
        s.ask(f"{v}: stable", "DescribeGroups", 5, describe_of(group))
        s.ask("leader again", "JoinGroup", v, join_of(group, member))
        s.ask(f"{v}: leave", "LeaveGroup", 4, leave_of(group, member))
        s.ask(f"{v}: empty", "DescribeGroups", 5, describe_of(group))
        s.ask("after it left", "JoinGroup", v, join_of(group, member))
        s.ask("no group id", "JoinGroup", v, join_of(""))
        s.ask("unknown member", "JoinGroup", v, join_of(group, "unknown"))
        s.ask("unknown group", "JoinGroup", v, join_of(f"none-{v}", "unknown"))
        for name, session in (("short", 5999), ("long", 1800001), ("no", 0), ("negative", -1)):
            s.ask(f"{name} session", "JoinGroup", v, join_of(group, session=session))
        s.ask("no protocols", "JoinGroup", v, join_of(f"np-{v}", protocols=()))
        s.ask("no protocol type", "JoinGroup", v, join_of(f"nt-{v}", kind=""))
        s.ask(f"{v}: of those", "DescribeGroups", 5, describe_of(f"np-{v}", f"nt-{v}", f"none-{v}"))
    for kind in ("connect", "anything", "consumer"):
        member, generation = stable(s, kind, f"k-{kind}", kind=kind, protocols=[STICKY, RANGE])
        s.ask(f"{kind}: other type", "JoinGroup", 9, join_of(f"k-{kind}", kind="other"))
        s.ask(f"{kind}: other protocol", "JoinGroup", 9, join_of(f"k-{kind}", kind=kind, protocols=[ROUND]))
        for v in versions("DescribeGroups"):
            s.ask(f"{kind}", "DescribeGroups", v, describe_of(f"k-{kind}"))


def syncs(s):
    coordinated(s)
    member, generation = stable(s, "a member", "s")
    for v in versions("SyncGroup"):
        s.ask("fine", "SyncGroup", v, sync_of("s", member, generation))
        s.ask("no group id", "SyncGroup", v, sync_of("", member, generation))
        s.ask("unknown group", "SyncGroup", v, sync_of("none", member, generation))
        s.ask("unknown member", "SyncGroup", v, sync_of("s", "none", generation))
        s.ask("old generation", "SyncGroup", v, sync_of("s", member, generation - 1))
        s.ask("later generation", "SyncGroup", v, sync_of("s", member, generation + 1))
        s.ask("unknown instance", "SyncGroup", v, sync_of("s", member, generation, instance="i" if v >= 3 else None))
        if v >= 5:
            for kind in (None, "", "other", "consumer"):
                for protocol in (None, "", "other", "range"):
                    s.ask(f"{kind} {protocol}", "SyncGroup", v,
                          sync_of("s", member, generation, kind=kind, protocol=protocol))
    for v in versions("Heartbeat"):
        s.ask("fine", "Heartbeat", v, beat_of("s", member, generation))
        s.ask("no group id", "Heartbeat", v, beat_of("", member, generation))
        s.ask("unknown group", "Heartbeat", v, beat_of("none", member, generation))
        s.ask("unknown member", "Heartbeat", v, beat_of("s", "none", generation))
        s.ask("no member", "Heartbeat", v, beat_of("s", "", generation))
        s.ask("old generation", "Heartbeat", v, beat_of("s", member, generation - 1))
        s.ask("generation -1", "Heartbeat", v, beat_of("s", member, -1))
        s.ask("unknown instance", "Heartbeat", v, beat_of("s", member, generation, instance="i" if v >= 3 else None))
    for v in versions("LeaveGroup"):
        s.ask("no group id", "LeaveGroup", v, leave_of("", member))
        s.ask("unknown group", "LeaveGroup", v, leave_of("none", member))
        s.ask("unknown member", "LeaveGroup", v, leave_of("s", "none"))
        s.ask("no member", "LeaveGroup", v, leave_of("s", ""))
        if v >= 3:
            s.ask("nobody", "LeaveGroup", v, leave_of("s"))
            s.ask("several", "LeaveGroup", v, leave_of("s", "none", "", "other"))
            s.ask("unknown instance", "LeaveGroup", v, leave_of("s", "", instance="i"))
            s.ask("instance of another", "LeaveGroup", v, leave_of("s", member, instance="i"))
    for v in versions("LeaveGroup"):
        member, generation = stable(s, f"for {v}", f"l-{v}")
        s.ask("leaves", "LeaveGroup", v, leave_of(f"l-{v}", member))
        s.ask("leaves again", "LeaveGroup", v, leave_of(f"l-{v}", member))
        pending = s.ask(f"{v}: an id", "JoinGroup", 9, join_of(f"l-{v}"))["MemberId"]
        s.ask("before it joined", "LeaveGroup", v, leave_of(f"l-{v}", pending))
        s.ask(f"{v}: joins all the same", "JoinGroup", 9, join_of(f"l-{v}", pending))


def rebalances(s):
    """Two members; each waits on a connection of its own."""
    coordinated(s)
    with s.connection() as one, s.connection() as two:
        first, generation = stable(s, "first", "r", protocols=[RANGE, ROUND])
        second = s.ask("second", "JoinGroup", 9, join_of("r"))["MemberId"]
        s.send(two, "JoinGroup", 9, join_of("r", second, protocols=[ROUND, STICKY]))
        time.sleep(0.2)
        s.ask("while preparing", "DescribeGroups", 5, describe_of("r"))
        s.ask("first's heartbeat", "Heartbeat", 4, beat_of("r", first, generation))
        s.ask("first's sync", "SyncGroup", 5, sync_of("r", first, generation))
        s.ask("second's sync", "SyncGroup", 5, sync_of("r", second, generation))
        s.ask("commit while preparing", "OffsetCommit", 8, commit_of("r", "g-topic", member=first, generation=generation))
        s.send(one, "JoinGroup", 9, join_of("r", first, protocols=[RANGE, ROUND]))
        generation = s.finish("first joins again", one, "JoinGroup", 9)["GenerationId"]
        s.finish("second joins", two, "JoinGroup", 9)
        s.ask("completing", "DescribeGroups", 5, describe_of("r"))
        s.ask("commit while completing", "OffsetCommit", 8,
              commit_of("r", "g-topic", member=first, generation=generation))
        s.ask("heartbeat while completing", "Heartbeat", 4, beat_of("r", second, generation))
        s.ask("second again, as it was", "JoinGroup", 9, join_of("r", second, protocols=[ROUND, STICKY]))
        s.send(two, "SyncGroup", 5, sync_of("r", second, generation, protocol="roundrobin"))
        time.sleep(0.2)
        s.ask("first assigns", "SyncGroup", 5, sync_of("r", first, generation, [(second, b"2")], protocol="roundrobin"))
        s.finish("second is assigned", two, "SyncGroup", 5)
        s.ask("stable", "DescribeGroups", 5, describe_of("r"))
        s.ask("second again, stable", "JoinGroup", 9, join_of("r", second, protocols=[ROUND, STICKY]))
        s.send(two, "JoinGroup", 9, join_of("r", second, protocols=[ROUND, RANGE]))
        time.sleep(0.2)
        s.ask("second changes", "Heartbeat", 4, beat_of("r", first, generation))
        s.ask("first leaves", "LeaveGroup", 4, leave_of("r", first))
        generation = s.finish("second alone", two, "JoinGroup", 9)["GenerationId"]
        s.ask("second assigns", "SyncGroup", 5, sync_of("r", second, generation, [(second, b"2")],
                                                        protocol="roundrobin"))
        s.ask("second leaves", "LeaveGroup", 4, leave_of("r", second))
        s.ask("nobody", "DescribeGroups", 5, describe_of("r"))
        s.ask("late heartbeat", "Heartbeat", 4, beat_of("r", second, generation))


def statics(s):
    coordinated(s)
    for v in (5, 8, 9):
        group = f"st-{v}"
        member, generation = stable(s, f"{v}: static", group, v, instance="i")
        answer = s.ask("comes back", "JoinGroup", v, join_of(group, instance="i"))
        fresh = answer["MemberId"]
        s.ask(f"{v}: the old heartbeat", "Heartbeat", 4, beat_of(group, member, generation, "i"))
        s.ask(f"{v}: the old heartbeat without instance", "Heartbeat", 4, beat_of(group, member, generation))
        s.ask(f"{v}: the new heartbeat", "Heartbeat", 4, beat_of(group, fresh, generation, "i"))
        s.ask(f"{v}: the new sync", "SyncGroup", 5, sync_of(group, fresh, generation, instance="i"))
        s.ask(f"{v}: the old commit", "OffsetCommit", 8,
              commit_of(group, "g-topic", member=member, generation=generation, instance="i"))
        s.ask("the old joins", "JoinGroup", v, join_of(group, member, instance="i"))
        s.ask(f"{v}: described", "DescribeGroups", 5, describe_of(group))
        s.ask("another protocol", "JoinGroup", v, join_of(group, instance="i", protocols=[ROUND]))
        s.ask("more protocols", "JoinGroup", v, join_of(group, instance="i", protocols=[RANGE, ROUND]))
        s.ask(f"{v}: with another", "DescribeGroups", 5, describe_of(group))
        s.ask(f"{v}: leaves by instance", "LeaveGroup", 4, leave_of(group, "", instance="i"))
        s.ask(f"{v}: left", "DescribeGroups", 5, describe_of(group))


def commit_of(group, topic, partitions=((0, 5),), member="", generation=-1, instance=None, metadata="m", **more):
    return {"GroupId": group, "GenerationIdOrMemberEpoch": generation, "MemberId": member, "GroupInstanceId": instance,
            "RetentionTimeMs": -1, "Topics": [{"Name": topic, "TopicId": more.get("id", ZERO), "Partitions": [
                {"PartitionIndex": p, "CommittedOffset": o, "CommittedLeaderEpoch": 3, "CommittedMetadata": metadata}
                for p, o in partitions]}]}


def fetch_of(version, group, topics, stable=False, **more):
    """topics: (name, id, partitions) each, or None for all."""
    if version < 8:
        return {"GroupId": group, "RequireStable": stable, "Topics": topics and [
            {"Name": n, "PartitionIndexes": list(p)} for n, _, p in topics]}
    return {"RequireStable": stable, "Groups": [{"GroupId": group, "MemberId": None, "MemberEpoch": -1, **more,
                                                  "Topics": topics and [
        {"Name": n, "TopicId": i, "PartitionIndexes": list(p)} for n, i, p in topics]}]}


def offsets(s):
    coordinated(s)
    s.create("g-topic", 3)
    topic = s.id("g-topic")
    for v in versions("OffsetCommit"):
        group = f"o-{v}"
        s.ask("simple", "OffsetCommit", v, commit_of(group, "g-topic", [(0, 7), (2, 9)], id=topic))
        s.ask("partition that is not", "OffsetCommit", v, commit_of(group, "g-topic", [(9, 7), (-1, 9)], id=topic))
        s.ask("negative offset", "OffsetCommit", v, commit_of(group, "g-topic", [(1, -1)], id=topic))
        s.ask("unknown topic", "OffsetCommit", v, commit_of(group, "no-such", id=UNKNOWN))
        s.ask("no topics", "OffsetCommit", v, {**commit_of(group, "x"), "Topics": []})
        s.ask("no partitions", "OffsetCommit", v, commit_of(group, "g-topic", [], id=topic))
        s.ask("no group id", "OffsetCommit", v, commit_of("", "g-topic", id=topic))
        s.ask("null metadata", "OffsetCommit", v, commit_of(group, "g-topic", metadata=None, id=topic))
        s.ask("long metadata", "OffsetCommit", v, commit_of(group, "g-topic", metadata="x" * 4096, id=topic))
        s.ask("too long metadata", "OffsetCommit", v, commit_of(group, "g-topic", metadata="x" * 4097, id=topic))
        s.ask("metadata of two bytes each", "OffsetCommit", v, commit_of(group, "g-topic", metadata="ä" * 4096, id=topic))
        s.ask("unknown member", "OffsetCommit", v, commit_of(group, "g-topic", member="x", generation=1, id=topic))
        s.ask("member without generation", "OffsetCommit", v, commit_of(group, "g-topic", member="x", id=topic))
        s.ask("new group, generation", "OffsetCommit", v, commit_of(f"{group}-n", "g-topic", generation=1, id=topic))
        member, generation = stable(s, f"{v}: member", f"{group}-m")
        for name, m, g in (("member", member, generation), ("old", member, generation - 1), ("none", "", -1),
                           ("generation -1", member, -1), ("other", "other", generation)):
            s.ask(f"of a member, {name}", "OffsetCommit", v,
                  commit_of(f"{group}-m", "g-topic", member=m, generation=g, id=topic))
        s.ask("several topics", "OffsetCommit", v, {**commit_of(f"{group}-s", "x"), "Topics": [
            *commit_of("", "no-such", id=UNKNOWN)["Topics"], *commit_of("", "g-topic", id=topic)["Topics"]]})
    s.ask("expires", "OffsetCommit", 4, {**commit_of("o-x", "g-topic"), "RetentionTimeMs": 100000})
    for v in versions("OffsetFetch"):
        for name, group, topics in (
                ("some", "o-10", [("g-topic", topic, (0, 1, 2, 3))]), ("all", "o-10", None), ("none", "o-10", []),
                ("unknown group", "o-none", [("g-topic", topic, (0,))]), ("all of an unknown group", "o-none", None),
                ("unknown topic", "o-10", [("no-such", UNKNOWN, (0, 1))]), ("no group id", "", [("g-topic", topic, (0,))]),
                ("two topics", "o-2", [("no-such", UNKNOWN, (0,)), ("g-topic", topic, (0,))])):
            if v >= 2 or topics is not None:
                s.ask(name, "OffsetFetch", v, fetch_of(v, group, topics))
                s.ask(f"{name}, stable", "OffsetFetch", v, fetch_of(v, group, topics, v >= 7))
        if v >= 8:
            s.ask("several groups", "OffsetFetch", v, {"RequireStable": False, "Groups": [
                fetch_of(v, g, [("g-topic", topic, (0,))])["Groups"][0] for g in ("o-2", "o-none", "o-10", "")]})
            s.ask("no groups", "OffsetFetch", v, {"RequireStable": False, "Groups": []})
        if v >= 9:
            s.ask("with a member", "OffsetFetch", v,
                  fetch_of(v, "o-10", [("g-topic", topic, (0,))], MemberId="x", MemberEpoch=1))
    s.recreate("g-topic")
    s.settle()
    for v in (7, 9, 10):
        s.ask("made again", "OffsetFetch", v, fetch_of(v, "o-2", [("g-topic", s.id("g-topic"), (0, 2))]))
        s.ask("made again, by its old id", "OffsetFetch", v, fetch_of(v, "o-2", [("g-topic", topic, (0, 2))]))


def offset_deletes(s):
    coordinated(s)
    s.create("od", 3)

    def of(group, *topics):
        return {"GroupId": group, "Topics": [
            {"Name": n, "Partitions": [{"PartitionIndex": p} for p in parts]} for n, parts in topics]}

    subscribed = struct.pack(">hi", 0, 1) + struct.pack(">h2s", 2, b"od") + struct.pack(">i", -1)
    for name, more in (("other", {"kind": "other"}), ("od", {"protocols": [{"Name": "range", "Metadata": subscribed}]}),
                       ("bad", {})):
        member, generation = stable(s, f"group {name}", f"od-{name}", **more)
        s.ask(f"commit {name}", "OffsetCommit", 8,
              commit_of(f"od-{name}", "od", [(0, 1), (1, 2)], member=member, generation=generation))
        s.ask(f"with members, {name}", "OffsetDelete", 0, of(f"od-{name}", ("od", (0, 2)), ("none", (0,))))
        s.ask(f"with members, {name}", "OffsetFetch", 9, fetch_of(9, f"od-{name}", None))
        s.ask(f"delete {name} with members", "DeleteGroups", 2, {"GroupsNames": [f"od-{name}"]})
        s.ask(f"leave {name}", "LeaveGroup", 4, leave_of(f"od-{name}", member))
        s.ask(f"without members, {name}", "OffsetDelete", 0, of(f"od-{name}", ("od", (0, 2)), ("none", (0,))))
        s.ask(f"without members, {name}", "OffsetFetch", 9, fetch_of(9, f"od-{name}", None))
    s.ask("unknown group", "OffsetDelete", 0, of("od-none", ("od", (0,))))
    s.ask("no group id", "OffsetDelete", 0, of("", ("od", (0,))))
    s.ask("nothing", "OffsetDelete", 0, of("od-od"))


def group_admin(s):
    coordinated(s)
    s.create("ga")
    names = [f"ga-{i}" for i in range(4)]
    for name in names[:2]:
        s.ask(f"commit {name}", "OffsetCommit", 8, commit_of(name, "ga"))
    member, generation = stable(s, "member", names[2])

    def listed(name, version, states=(), types=()):
        """Of the groups of all cases, those of this one."""
        with s.connection() as c:
            answer = c.ask("ListGroups", version, {"StatesFilter": list(states), "TypesFilter": list(types)})
        answer["Groups"] = [g for g in answer["Groups"] if g["GroupId"] in names]
        s.keep(f"group_admin: list {name} v{version} ListGroups", s.mask("", answer))

    for v in versions("ListGroups"):
        listed("all", v)
        for state in ("Empty", "Stable", "STABLE", "nonsense", "") if v >= 4 else ():
            listed(f"in {state}", v, [state])
        for kind in ("classic", "Classic", "consumer", "share", "nonsense") if v >= 5 else ():
            listed(f"of {kind}", v, types=[kind])
        if v >= 5:
            listed("both", v, ["Empty", "Stable"], ["classic", "consumer"])
            listed("neither", v, ["Empty"], ["consumer"])
    for v in versions("DescribeGroups"):
        s.ask("several", "DescribeGroups", v, describe_of(*names))
        s.ask("without operations", "DescribeGroups", v, {**describe_of(*names), "IncludeAuthorizedOperations": False})
        s.ask("nothing", "DescribeGroups", v, describe_of())
    s.ask("commit of no name", "OffsetCommit", 8, commit_of("", "ga"))
    for v in versions("DeleteGroups"):
        s.ask("several", "DeleteGroups", v, {"GroupsNames": [*names, "", "none"]})
        s.ask("nothing", "DeleteGroups", v, {"GroupsNames": []})
        s.ask(f"{v}: after it", "DescribeGroups", 5, describe_of(*names))
        s.ask(f"{v}: offsets after it", "OffsetFetch", 9, fetch_of(9, names[0], None))
        s.ask(f"{v}: commit again", "OffsetCommit", 8, commit_of(names[0], "ga"))
    s.ask("last leaves", "LeaveGroup", 4, leave_of(names[2], member))
    s.ask("empty", "DeleteGroups", 2, {"GroupsNames": names})


def coordinators(s):
    coordinated(s)
    for v in versions("FindCoordinator"):
        for key in ("a", "", "ä€😀", "x" * 200):
            s.ask(f"of {key[:8]!r}", "FindCoordinator", v, {"Key": key, "KeyType": 0, "CoordinatorKeys": [key, "b"]})
    s.settle()
    s.ask("its settings", "DescribeConfigs", 4, {"Resources": [{
        "ResourceType": 2, "ResourceName": "__consumer_offsets",
        "ConfigurationKeys": ["cleanup.policy", "segment.bytes", "compression.type", "retention.ms"]}]})


ALL = [coordinators, members, syncs, rebalances, statics, offsets, offset_deletes, group_admin]
