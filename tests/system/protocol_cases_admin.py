"""The script of test_protocol, what administrators ask: see protocol_cases.py. Each group makes what it needs."""
from protocol_cases import NAMES, UNKNOWN, some, versions  # noqa: F401


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


ALL = [pages, partitions]
