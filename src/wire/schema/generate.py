#!/usr/bin/env python3
"""Make the protocol's C structs and tables from *.schema (README.md describes the notation).

    generate.py --output DIR FILE.schema ...

writes, for each X.schema, DIR/wire/messages_X.h (the structs) and DIR/messages_X.c (their tables, as
wire/schema.h declares them), and over all of them DIR/wire/messages.h, DIR/wire/api_keys.h and
DIR/messages.c (the lists of APIs and of record types). A mistake in a schema is reported with its file and line.
"""
import argparse
import pathlib
import re
import sys

INT16_MAX = 32767

# type: (C type, C type of an array of it, kind, smallest encoding; None depends on the version)
SCALARS = {
    "bool": ("bool", None, "BOOL", 1),
    "int8": ("int8_t", "wire_int8s", "INT8", 1),
    "int16": ("int16_t", "wire_int16s", "INT16", 2),
    "uint16": ("uint16_t", None, "UINT16", 2),
    "int32": ("int32_t", "wire_int32s", "INT32", 4),
    "uint32": ("uint32_t", None, "UINT32", 4),
    "int64": ("int64_t", "wire_int64s", "INT64", 8),
    "float64": ("double", None, "FLOAT64", 8),
    "uuid": ("struct uuid", "wire_uuids", "UUID", 16),
    "string": ("struct wire_string", "wire_strings", "STRING", None),
    "bytes": ("struct wire_bytes", None, "BYTES", None),
    "records": ("struct wire_bytes", None, "RECORDS", None),
}

C_WORDS = set("auto break case char const continue default do double else enum extern float for goto if inline int "
              "long register restrict return short signed sizeof static struct switch typedef union unsigned void "
              "volatile while bool".split())

HEAD = re.compile(r"(request|response) (\d+) (\w+)|(record|key|value) (\w+) (\d+) (\w+)|(header|data) (\w+)")


class SchemaError(Exception):
    pass


def snake(name):
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name)
    return name.lower()


def camel(name):
    return name[0].lower() + name[1:]


class Range:
    """Versions low..high; high is INT16_MAX for an open one until it is cut to the message's."""

    def __init__(self, low, high):
        self.low, self.high = low, high

    @staticmethod
    def parse(text):
        match = re.fullmatch(r"(\d+)(\+|-(\d+))?", text)
        if not match:
            raise SchemaError(f"'{text}' is not a range of versions (3, 3-5 or 3+)")
        low = int(match[1])
        high = low if match[2] is None else INT16_MAX if match[2] == "+" else int(match[3])
        if high < low:
            raise SchemaError(f"'{text}' is an empty range of versions")
        return Range(low, high)

    def within(self, other):
        if self.low < other.low or self.low > other.high or (self.high > other.high and self.high != INT16_MAX):
            raise SchemaError(f"versions {self} are outside {other}")
        return Range(self.low, min(self.high, other.high))

    def __contains__(self, version):
        return self.low <= version <= self.high

    def __eq__(self, other):
        return (self.low, self.high) == (other.low, other.high)

    def __str__(self):
        if self.high == INT16_MAX:
            return f"{self.low}+"
        return str(self.low) if self.low == self.high else f"{self.low}-{self.high}"


class Field:
    def __init__(self, words, parent):
        self.name = words[0]
        self.snake = snake(self.name) + ("_" if snake(self.name) in C_WORDS else "")
        type_text, mark, nullable = words[1].partition("?")
        self.array = type_text.startswith("[]")
        self.type = type_text.removeprefix("[]")
        self.nested = None  # Struct
        words = words[2:]
        self.parent, self.versions = parent, parent
        if words and re.match(r"\d", words[0]):
            self.versions = Range.parse(words.pop(0)).within(parent)
        self.nullable = None
        if mark:
            self.nullable = Range.parse(nullable).within(self.versions) if nullable else self.versions
        self.tag, self.tagged, self.default = None, None, None
        self.ignorable = self.inflexible = False
        while words:
            word = words.pop(0)
            if word == "tag" and words:
                self.tag, self.tagged = int(words.pop(0)), self.versions
            elif word == "in" and words and self.tagged:
                self.tagged = Range.parse(words.pop(0)).within(self.versions)
            elif word == "=" and words:
                self.default = words.pop(0)
            elif word in ("ignorable", "inflexible"):
                setattr(self, word, True)
            else:
                raise SchemaError(f"'{word}' is not known here")
        if self.tag is not None and self.tag > 255:
            raise SchemaError("tags above 255 do not fit the tables")
        if self.default == "null" and self.nullable is None:
            raise SchemaError("null is the default of what is never null")

    @property
    def is_scalar(self):
        return self.type in SCALARS

    @property
    def is_sized(self):
        """Its encoding begins with a length or a count."""
        return self.array or self.type in ("string", "bytes", "records")

    @property
    def is_pointer(self):
        return not self.is_scalar and not self.array and self.nullable is not None

    @property
    def kind(self):
        kind = SCALARS[self.type][2] if self.is_scalar else "POINTER" if self.is_pointer else "STRUCT"
        return "WIRE_KIND_ARRAY | WIRE_KIND_" + kind if self.array else "WIRE_KIND_" + kind

    def declaration(self):
        if self.is_scalar and self.array:
            if SCALARS[self.type][1] is None:
                raise SchemaError(f"there are no arrays of {self.type}")
            return f"struct {SCALARS[self.type][1]} {self.snake};"
        if self.is_scalar:
            return f"{SCALARS[self.type][0]} {self.snake};"
        name = "struct " + self.nested.c_name
        if self.array:
            return f"struct {{\n        {name} *items;\n        int32_t count;\n    }} {self.snake};"
        return f"const {name} *{self.snake};" if self.is_pointer else f"{name} {self.snake};"

    def comment(self, message):
        def text(versions):
            if versions.high == message.versions.high and versions.low < versions.high:
                return f"{versions.low}+"
            return str(versions)
        notes = []
        if self.versions != self.parent:
            notes.append(("version " if self.versions.low == self.versions.high else "versions ") + text(self.versions))
        if self.type == "records":
            notes.append("records")
        if self.tag is not None:
            notes.append(f"tag {self.tag}" + (" in " + text(self.tagged) if self.tagged != self.versions else ""))
        if self.nullable:
            notes.append("nullable" + (" in " + text(self.nullable) if self.nullable != self.versions else ""))
        if self.default:
            notes.append("default " + self.default)
        if self.ignorable:
            notes.append("ignorable")
        return f" /* {', '.join(notes)} */" if notes else ""

    def initializer(self):
        """Of the struct of defaults; None where it is all zeros."""
        if self.array:
            return "{.count = -1}" if self.default == "null" else None
        if self.default == "null" or self.type in ("records", "uuid", "float64"):
            return None
        if self.type == "string":
            return '{.data = ""}'
        if self.type == "bytes":
            return '{.data = (const uint8_t *)""}'
        if self.is_pointer:
            return f"&defaults_{self.nested.c_name}"
        if not self.is_scalar:
            return self.nested.initializer()
        if self.default is None:
            return None
        return "INT64_MIN" if int_or_none(self.default) == -2**63 else self.default

    def size_min(self, version, flexible):
        compact = flexible and not self.inflexible
        if self.array:
            return 1 if compact else 4
        if self.is_pointer and self.nullable and version in self.nullable:
            return 1
        if not self.is_scalar:
            return self.nested.size_min(version)
        if self.type == "string":
            return 1 if compact else 2
        if self.type in ("bytes", "records"):
            return 1 if compact else 4
        return SCALARS[self.type][3]


def int_or_none(text):
    try:
        return int(text)
    except ValueError:
        return None


class Struct:
    def __init__(self, name, message, versions):
        self.name, self.message, self.versions, self.fields = name, message, versions, []

    @property
    def c_name(self):
        return f"wire_{snake(self.message.name)}" + ("" if self is self.message.body else f"_{snake(self.name)}")

    @property
    def full_name(self):
        return self.message.name if self is self.message.body else f"{self.message.name}.{self.name}"

    def initializer(self):
        parts = [f".{f.snake} = {f.initializer()}" for f in self.fields if f.initializer() is not None]
        return "{" + ", ".join(parts) + "}" if parts else None

    def size_min(self, version):
        flexible = version >= self.message.flexible
        size = sum(f.size_min(version, flexible) for f in self.fields
                   if version in f.versions and not (f.tagged and version in f.tagged))
        return size + (1 if flexible else 0)

    def nested_structs(self):
        seen = []
        for field in self.fields:
            if field.nested is not None and field.nested not in seen:
                seen.append(field.nested)
        return seen

    def plan(self, version):
        """The fields of a version: plain, tagged, absent, each with its flags."""
        flexible = version >= self.message.flexible
        plain, tagged, absent = [], [], []
        for field in self.fields:
            flags = []
            if version not in field.versions:
                absent.append((field, ["IGNORABLE"] if field.ignorable else []))
                continue
            if field.nullable and version in field.nullable:
                flags.append("NULLABLE")
            is_tagged = field.tagged is not None and version in field.tagged
            if is_tagged if field.is_pointer else field.is_sized and flexible and not field.inflexible:
                flags.append("COMPACT")
            if is_tagged:
                if not flexible:
                    raise SchemaError(f"{self.full_name}.{field.name} is tagged in version {version}, not flexible")
                tagged.append((field, flags))
            else:
                plain.append((field, flags))
        tagged.sort(key=lambda item: item[0].tag)
        tags = [field.tag for field, _ in tagged]
        if len(set(tags)) != len(tags) or len(tags) > 64:
            raise SchemaError(f"{self.full_name} has a tag twice, or more than 64")
        return plain, tagged, absent, flexible


class Message:
    def __init__(self, words):
        match = HEAD.match(" ".join(words))
        if not match:
            raise SchemaError("a message begins with request, response, record, key, value, header or data")
        groups = [g for g in match.groups() if g is not None]
        self.kind, self.name = groups[0], groups[-1]
        self.key = int(groups[-2]) if groups[-2].isdigit() else None
        self.family = groups[1] if self.kind in ("record", "key", "value") else None
        words = words[len(groups):]
        self.versions, self.flexible, self.listeners, self.unstable = None, INT16_MAX, [], False
        while words:
            word = words.pop(0)
            if word == "versions" and words:
                text = words.pop(0)
                self.versions = None if text == "none" else Range.parse(text)
                if text.endswith("+"):
                    raise SchemaError("a message's versions have an end")
            elif word == "flexible" and words:
                self.flexible = Range.parse(words.pop(0)).low
            elif word == "listeners":
                self.listeners, words = [w for w in words if w != "unstable"], [w for w in words if w == "unstable"]
            elif word == "unstable":
                self.unstable = True
            else:
                raise SchemaError(f"'{word}' is not known in a message's head")
        self.body = Struct(self.name, self, self.versions)
        self.structs = {}  # nested ones by name

    @property
    def has_tags(self):
        return self.versions is not None and self.flexible <= self.versions.high

    def resolve(self):
        for struct in [self.body, *self.structs.values()]:
            if len({f.snake for f in struct.fields}) != len(struct.fields):
                raise SchemaError(f"{struct.full_name} has a field twice")
            for field in struct.fields:
                if not field.is_scalar:
                    if field.type not in self.structs:
                        raise SchemaError(f"{struct.full_name}.{field.name}: no struct '{field.type}'")
                    field.nested = self.structs[field.type]

    def ordered(self):
        """Structs, each after those that it contains."""
        done, under_way = [], []

        def visit(struct):
            if struct in done:
                return
            if struct in under_way:
                raise SchemaError(f"{struct.full_name} contains itself")
            under_way.append(struct)
            for inner in struct.nested_structs():
                visit(inner)
            done.append(struct)

        visit(self.body)
        for struct in self.structs.values():
            if struct not in done:
                raise SchemaError(f"{struct.full_name} is not used")
        return done


def parse_file(path):
    messages = []
    stack = []  # [(struct, versions)] by depth
    for number, line in enumerate(path.read_text().splitlines(), 1):
        text = line.split("#")[0].rstrip()
        if not text:
            continue
        try:
            indent = len(text) - len(text.lstrip())
            words = text.split()
            if indent % 4:
                raise SchemaError("lines are indented by four spaces a level")
            depth = indent // 4
            if depth == 0:
                message = Message(words)
                messages.append(message)
                stack = [(message.body, message.versions)]
                continue
            if depth > len(stack):
                raise SchemaError("nothing to nest in here")
            del stack[depth:]
            if words[0] == "struct":
                if depth != 1:
                    raise SchemaError("a shared struct stands at the first level")
                versions = Range.parse(words[2]).within(message.versions) if len(words) > 2 else message.versions
                stack.append((new_struct(message, words[1], versions), versions))
                continue
            parent, versions = stack[-1]
            if isinstance(parent, Field):
                parent = new_struct(message, parent.type, versions)
                stack[-1] = (parent, versions)
            field = Field(words, versions)
            parent.fields.append(field)
            stack.append((field, field.versions))
        except (SchemaError, ValueError, IndexError) as error:
            raise SchemaError(f"{path}:{number}: {error}") from None
    for message in messages:
        message.resolve()
    return messages


def new_struct(message, name, versions):
    if name in SCALARS or name in message.structs:
        raise SchemaError(f"struct {name} is there already")
    message.structs[name] = Struct(name, message, versions)
    return message.structs[name]


# ---- C


class Names:
    """All field names in one array of text, so that the tables need no pointers to them."""

    def __init__(self):
        self.offsets, self.size = {}, 0

    def offset(self, name):
        if name not in self.offsets:
            self.offsets[name] = self.size
            self.size += len(name) + 1
        return self.offsets[name]


GENERATED = "/* Generated by src/wire/schema/generate.py. Do not edit. */\n"


def header_of(theme, messages):
    guard = f"WIRE_MESSAGES_{theme.upper()}_H"
    out = [GENERATED + f"#ifndef {guard}\n#define {guard}\n#include \"wire/wire.h\"\n"]
    for message in messages:
        if message.versions is None:
            continue
        flexible = f", flexible from {message.flexible}" if message.has_tags else ""
        out.append(f"/* ---- {message.name}, versions {message.versions}{flexible} ---- */\n")
        for struct in message.ordered():
            out.append(f"struct {struct.c_name} {{")
            for field in struct.fields:
                out.append(f"    {field.declaration()}{field.comment(message)}")
            if message.has_tags:
                out.append("    struct wire_tagged *unknown_tags;")
            elif not struct.fields:
                out.append("    char nothing; /* no fields; C has no empty structs */")
            out.append("};\n")
        for struct in message.ordered():
            out.append(f"extern const struct wire_schema {struct.c_name}_schema;")
        out.append("")
    out.append("#endif")
    return "\n".join(out) + "\n"


def field_entry(struct, field, flags, tag, names):
    nested = struct.nested_structs().index(field.nested) if field.nested else 0
    flags = " | ".join("WIRE_FIELD_" + f for f in flags) or "0"
    return (f"    {{offsetof(struct {struct.c_name}, {field.snake}), {names.offset(camel(field.name))}, "
            f"{field.kind}, {nested}, {flags}, {tag}}},")


def tables_of(struct, names):
    message = struct.message
    c_name = struct.c_name
    entries = [field_entry(struct, field, [], 0, names) for field in struct.fields]
    plans, starts = [], {}
    for version in range(message.versions.low, message.versions.high + 1):
        plain, tagged, absent, flexible = struct.plan(version)
        shape = tuple([field_entry(struct, field, flags, 0, names) for field, flags in plain] +
                      [field_entry(struct, field, flags, field.tag, names) for field, flags in tagged] +
                      [field_entry(struct, field, flags, 0, names) for field, flags in absent])
        if shape not in starts:
            starts[shape] = len(entries)
            entries.extend(shape)
        plans.append(f"    {{{starts[shape]}, {max(1, struct.size_min(version))}, {len(plain)}, {len(tagged)}, "
                     f"{len(absent)}, {'true' if flexible else 'false'}}},")
    out = [f"static const struct {c_name} defaults_{c_name} = {struct.initializer() or '{0}'};"]
    # An unused one where there are none: the interpreter adds to the pointer.
    out += [f"static const struct wire_field fields_{c_name}[] = {{", *(entries or ["    {0},"]), "};"]
    out += [f"static const struct wire_plan plans_{c_name}[] = {{", *plans, "};"]
    nested = struct.nested_structs()
    if nested:
        out += [f"static const struct wire_schema *const nested_{c_name}[] = {{",
                *(f"    &{inner.c_name}_schema," for inner in nested), "};"]
    out.append(f"const struct wire_schema {c_name}_schema = {{")
    out.append(f'    .name = "{struct.full_name}",')
    out.append(f"    .defaults = &defaults_{c_name},")
    out.append(f"    .fields = fields_{c_name},")
    out.append(f"    .plans = plans_{c_name},")
    if nested:
        out.append(f"    .nested = nested_{c_name},")
    out.append(f"    .size = sizeof(struct {c_name}),")
    out.append(f"    .field_count = {len(struct.fields)},")
    tags = f"offsetof(struct {c_name}, unknown_tags)" if message.has_tags else "WIRE_NO_TAGS"
    out.append(f"    .unknown_tags = {tags},")
    out.append(f"    .version_min = {message.versions.low},")
    out.append(f"    .version_max = {message.versions.high},")
    out.append(f"    .flexible_from = {message.flexible if message.has_tags else 'INT16_MAX'},")
    out.append("};\n")
    return out


def source_of(theme, messages, names):
    out = [GENERATED + f'#include "wire/messages_{theme}.h"\n#include "wire/schema.h"\n']
    for message in messages:
        if message.versions is not None:
            for struct in message.ordered():
                out += tables_of(struct, names)
    return "\n".join(out)


def api_keys_of(messages):
    out = [GENERATED + "#ifndef WIRE_API_KEYS_H\n#define WIRE_API_KEYS_H\n", "enum wire_api_key {"]
    for message in sorted((m for m in messages if m.kind == "request"), key=lambda m: m.key):
        note = "" if message.versions else " /* no version is served any more */"
        out.append(f"    WIRE_API_{snake(message.name.removesuffix('Request')).upper()} = {message.key},{note}")
    out.append("};\n")
    for family in sorted({m.family for m in messages if m.family}):
        kinds = ("record",) if any(m.kind == "record" and m.family == family for m in messages) else ("key",)
        out.append(f"enum wire_{family}_record {{")
        for message in sorted((m for m in messages if m.family == family and m.kind in kinds), key=lambda m: m.key):
            name = message.name.removesuffix("Record") if kinds == ("record",) else message.name.removesuffix("Key")
            out.append(f"    WIRE_{family.upper()}_RECORD_{snake(name).upper()} = {message.key},")
        out.append("};\n")
    out.append("#endif")
    return "\n".join(out) + "\n"


def lists_of(messages, names):
    out = [GENERATED + '#include "wire/api.h"\n#include "wire/messages.h"\n#include "wire/records.h"\n'
           '#include "wire/schema.h"\n#include "wire/lists_int.h"\n']
    out.append("const char wire_names[] =")
    out += [f'    "{name}\\0"' for name in names.offsets]
    out.append("    ;\n")

    requests = {m.key: m for m in messages if m.kind == "request" and m.versions}
    responses = {m.key: m for m in messages if m.kind == "response" and m.versions}
    if requests.keys() != responses.keys():
        raise SchemaError(f"requests and responses differ: {requests.keys() ^ responses.keys()}")
    out.append("const struct wire_api wire_apis[] = {")
    for key, request in sorted(requests.items()):
        response = responses[key]
        if request.versions != response.versions or request.flexible != response.flexible:
            raise SchemaError(f"{request.name} and its response have different versions")
        stable = request.versions.high - (1 if request.unstable else 0)
        flexible = request.flexible if request.has_tags else "INT16_MAX"
        listeners = " | ".join("WIRE_LISTENER_" + listener.upper() for listener in request.listeners)
        out.append(f'    {{{key}, "{request.name.removesuffix("Request")}", {request.versions.low}, '
                   f'{request.versions.high}, {stable}, {flexible}, &{request.body.c_name}_schema, '
                   f'&{response.body.c_name}_schema, {listeners}}},')
    out.append(f"}};\nconst size_t wire_api_count = {len(requests)};\n")

    for family in sorted({m.family for m in messages if m.family}):
        of = [m for m in messages if m.family == family]
        records = sorted((m for m in of if m.kind == "record"), key=lambda m: m.key)
        keys = sorted((m for m in of if m.kind == "key"), key=lambda m: m.key)
        values = {m.key: m for m in of if m.kind == "value"}
        out.append(f"const struct wire_record_type wire_records_{family}[] = {{")
        for message in records:
            out.append(f'    {{{message.key}, "{message.name.removesuffix("Record")}", NULL, '
                       f"&{message.body.c_name}_schema}},")
        for message in keys:
            out.append(f'    {{{message.key}, "{message.name.removesuffix("Key")}", &{message.body.c_name}_schema, '
                       f"&{values[message.key].body.c_name}_schema}},")
        out.append(f"}};\nconst size_t wire_records_{family}_count = {len(records) + len(keys)};\n")

    served = [m for m in messages if m.versions]
    out.append("const struct wire_schema *const wire_schemas[] = {")
    out += [f"    &{m.body.c_name}_schema," for m in served]
    out.append(f"}};\nconst size_t wire_schema_count = {len(served)};")
    return "\n".join(out) + "\n"


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--output", required=True, type=pathlib.Path)
    parser.add_argument("files", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()
    themes = {path.stem: parse_file(path) for path in sorted(arguments.files)}
    messages = [message for of_file in themes.values() for message in of_file]
    taken = [message.name for message in messages]
    if len(set(taken)) != len(taken):
        raise SchemaError(f"defined twice: {sorted({n for n in taken if taken.count(n) > 1})}")

    names = Names()
    outputs = {}
    for theme, of_file in themes.items():
        outputs[f"wire/messages_{theme}.h"] = header_of(theme, of_file)
        outputs[f"messages_{theme}.c"] = source_of(theme, of_file, names)
    outputs["wire/messages.h"] = (GENERATED + "#ifndef WIRE_MESSAGES_H\n#define WIRE_MESSAGES_H\n" +
                                  "".join(f'#include "wire/messages_{theme}.h"\n' for theme in themes) + "#endif\n")
    outputs["wire/api_keys.h"] = api_keys_of(messages)
    outputs["messages.c"] = lists_of(messages, names)
    if names.size > 65535:
        raise SchemaError("the field names do not fit 64 KiB")
    for name, text in outputs.items():
        path = arguments.output / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    try:
        main()
    except SchemaError as error:
        sys.exit(f"error: {error}")
