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


ALL = [pages]
