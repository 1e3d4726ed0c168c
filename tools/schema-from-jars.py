#!/usr/bin/env python3
"""Turn the message specifications inside Apache Kafka's published jars into src/wire/schema/*.schema.

    tools/schema-from-jars.py JAR_FOLDER [SCHEMA_FOLDER]

The specifications are JSON files in the jars of kafka-clients, kafka-metadata, kafka-raft, kafka-storage and the
coordinators. Only the facts of the format are kept (names, types, versions, tags, defaults), none of the prose. The
notation is described in src/wire/schema/README.md. Run this once for each release of Apache Kafka that ottla follows
and read the diff.
"""
import json
import pathlib
import re
import sys
import zipfile

# Which file a request goes to, by API key.
THEMES = {
    "produce_fetch": [0, 1, 2, 21, 23],
    "metadata": [3, 18, 19, 20, 37, 60, 75],
    "groups": [8, 9, 10, 11, 12, 13, 14, 15, 16, 42, 47, 68, 69],
    "transactions": [22, 24, 25, 26, 27, 28, 61, 65, 66],
    "security": [17, 29, 30, 31, 36, 38, 39, 40, 41, 50, 51],
    "admin": [32, 33, 34, 35, 43, 44, 45, 46, 48, 49, 57, 74],
    "cluster": [4, 5, 6, 7, 56, 58, 62, 63, 64, 67, 70, 73],
    "quorum": [52, 53, 54, 55, 59, 80, 81, 82],
    "telemetry": [71, 72],
    "share": [76, 77, 78, 79, 83, 84, 85, 86, 87, 90, 91, 92],
    "streams": [88, 89],
}
THEME_OF_KEY = {key: theme for theme, keys in THEMES.items() for key in keys}

# Records: the jar decides the family.
FAMILIES = {
    "kafka-metadata": ("metadata", "records_metadata"),
    "kafka-storage": ("remote_log", "records_remote_log"),
    "kafka-group-coordinator": ("group", "records_group"),
    "kafka-share-coordinator": ("share", "records_share"),
    "kafka-transaction-coordinator": ("transaction", "records_transaction"),
}

DATA_FILES = {
    "ConsumerProtocolAssignment": "consumer_protocol",
    "ConsumerProtocolSubscription": "consumer_protocol",
    "DefaultPrincipalData": "security",
    "ProducerSnapshot": "disk",
    "QuorumStateData": "disk",
}

HEADINGS = {
    "produce_fetch": "Producing and consuming",
    "metadata": "Topics, and what a client asks first",
    "groups": "Consumer groups, classic (KIP-62, KIP-345) and new (KIP-848)",
    "transactions": "Transactions and idempotent producers (KIP-98, KIP-890)",
    "security": "Authentication, ACLs, delegation tokens, SCRAM credentials",
    "admin": "Configurations, log directories, reassignments, quotas, features",
    "cluster": "Between brokers and controllers",
    "quorum": "The metadata quorum (KIP-595, KIP-630, KIP-853)",
    "telemetry": "Client telemetry (KIP-714)",
    "share": "Share groups (KIP-932)",
    "streams": "Streams groups (KIP-1071)",
    "headers": "The headers of requests and responses",
    "consumer_protocol": "What the members of a classic consumer group tell each other (opaque to the broker)",
    "disk": "Files of a log directory",
    "records_metadata": "Records of __cluster_metadata",
    "records_remote_log": "Records of __remote_log_metadata",
    "records_group": "Records of __consumer_offsets",
    "records_share": "Records of __share_group_state",
    "records_transaction": "Records of __transaction_state",
    "records_control": "Control records",
}

VERSION_MAX = 32767


def parse_versions(text):
    if text is None or text in ("", "none"):
        return None
    if text.endswith("+"):
        return (int(text[:-1]), VERSION_MAX)
    low, _, high = text.partition("-")
    return (int(low), int(high or low))


def intersect(a, b):
    if a is None or b is None:
        return None
    low, high = max(a[0], b[0]), min(a[1], b[1])
    return (low, high) if low <= high else None


def versions_text(versions, valid):
    low, high = versions
    if high == valid[1] and valid[1] > low:
        return f"{low}+"
    return str(low) if low == high else f"{low}-{high}"


def valid_text(versions):
    return str(versions[0]) if versions[0] == versions[1] else f"{versions[0]}-{versions[1]}"


class Message:
    def __init__(self, spec):
        self.spec = spec
        self.valid = parse_versions(spec["validVersions"])
        self.lines = []  # (indent, cells)

    def field(self, field, parent, indent):
        tagged = parse_versions(field.get("taggedVersions"))
        versions = intersect(parse_versions(field.get("versions")) or tagged, parent)
        if versions is None:
            return  # no version that is still served carries it
        type_name = field["type"]
        nullable = intersect(parse_versions(field.get("nullableVersions")), versions)
        if nullable is not None:
            type_name += "?" if nullable == versions else "?" + versions_text(nullable, self.valid)
        cells = [field["name"], type_name, "" if versions == parent else versions_text(versions, self.valid)]
        flags = []
        tagged = intersect(tagged, versions)
        if tagged is not None:
            flags.append(f"tag {field['tag']}")
            if tagged != versions:
                flags.append("in " + versions_text(tagged, self.valid))
        default = self.default(field)
        if default is not None:
            flags.append("= " + default)
        if field.get("ignorable") and versions != parent:
            flags.append("ignorable")
        if field.get("flexibleVersions") == "none":
            flags.append("inflexible")
        cells.append(" ".join(flags))
        self.lines.append((indent, cells))
        for inner in field.get("fields", []):
            self.field(inner, versions, indent + 1)

    @staticmethod
    def default(field):
        # A JSON null is no default at all, as Apache Kafka reads it; the text "null" is one.
        default = field.get("default")
        if default is None:
            return None
        text = str(default)
        kind = field["type"]
        if text == "null":
            return "null"
        if kind == "bool":
            return "true" if text.lower() == "true" else None
        if kind == "string":
            assert text == "", "a default of text"
            return None
        value = int(text, 0)
        return str(value) if value != 0 else None

    def render(self, head):
        spec = self.spec
        out = [head]
        if self.valid is None:
            return out
        for field in spec["fields"]:
            self.field(field, self.valid, 1)
        for common in spec.get("commonStructs", []):
            versions = intersect(parse_versions(common["versions"]), self.valid)
            if versions is None:
                continue
            text = "" if versions == self.valid else " " + versions_text(versions, self.valid)
            self.lines.append((1, [f"struct {common['name']}{text}"]))
            for field in common["fields"]:
                self.field(field, versions, 2)
        # Columns: a type starts at the same place in all lines of a message.
        rows = [(indent, cells) for indent, cells in self.lines if len(cells) > 1]
        widths = [max((4 * indent + len(cells[0]) for indent, cells in rows), default=0)]
        widths += [max((len(cells[i]) for _, cells in rows), default=0) for i in (1, 2)]
        for indent, cells in self.lines:
            line = "    " * indent + cells[0]
            if len(cells) > 1:
                line = line.ljust(widths[0] + 2) + cells[1].ljust(widths[1] + 2)
                line += (cells[2].ljust(widths[2] + 2) if widths[2] else "") + cells[3]
            out.append(line.rstrip())
        return out


def head_of(spec, family):
    kind, name = spec["type"], spec["name"]
    valid, flexible = parse_versions(spec["validVersions"]), parse_versions(spec.get("flexibleVersions"))
    words = {"request": [kind], "response": [kind], "header": [kind], "data": [kind], "metadata": ["record", family],
             "coordinator-key": ["key", family], "coordinator-value": ["value", family]}[kind]
    if "apiKey" in spec:
        words.append(str(spec["apiKey"]))
    words += [name, "versions", valid_text(valid) if valid else "none"]
    if flexible:
        words += ["flexible", f"{flexible[0]}+"]
    if kind == "request" and valid:
        words += ["listeners"] + sorted(spec["listeners"])
    if spec.get("latestVersionUnstable"):
        words.append("unstable")
    return " ".join(words)


def target_of(spec, jar):
    kind = spec["type"]
    if kind in ("request", "response"):
        return THEME_OF_KEY[spec["apiKey"]], None
    if kind == "header":
        return "headers", None
    if kind == "data":
        return DATA_FILES.get(spec["name"], "records_control"), None
    family, file = FAMILIES[jar]
    return file, family


def main():
    jars = pathlib.Path(sys.argv[1])
    out = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else pathlib.Path(__file__).parent.parent / "src/wire/schema")
    files = {}
    for path in sorted(jars.glob("kafka-*.jar")):
        jar = re.sub(r"-[0-9][0-9.]*\.jar$", "", path.name)
        with zipfile.ZipFile(path) as archive:
            for entry in archive.namelist():
                if not entry.endswith(".json") or not re.search(r"(^|/)(message|metadata)/", entry):
                    continue
                text = re.sub(r"^\s*//.*$", "", archive.read(entry).decode(), flags=re.M)
                spec = json.loads(text)
                file, family = target_of(spec, jar)
                order = ({"request": 0, "response": 1, "key": 0, "value": 1}.get(spec["type"].split("-")[-1], 0))
                key = (spec.get("apiKey", VERSION_MAX), order, spec["name"])
                files.setdefault(file, []).append((key, Message(spec).render(head_of(spec, family))))
    for file, messages in sorted(files.items()):
        text = f"# {HEADINGS[file]}.\n"
        for _, lines in sorted(messages, key=lambda item: item[0]):
            text += "\n" + "\n".join(lines) + "\n"
        (out / f"{file}.schema").write_text(text)
    print(f"{sum(len(m) for m in files.values())} messages in {len(files)} files")


if __name__ == "__main__":
    main()
