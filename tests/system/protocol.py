"""Kafka's protocol for scripts: encodes and decodes any message from the notation in src/wire/schema.

    with Connection("127.0.0.1", 9092) as c:
        print(c.ask("Metadata", 9, {"Topics": None}))

A message is a dict by field names; what is left out has its default. Written apart from the C code, so that the two
check each other.
"""
import pathlib
import socket
import struct
import sys
import uuid

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "src/wire/schema"))
import generate  # noqa: E402

FORMATS = {"bool": "?", "int8": "b", "int16": "h", "uint16": "H", "int32": "i", "uint32": "I", "int64": "q",
           "float64": "d"}


def load():
    by_name = {}
    for path in sorted((ROOT / "src/wire/schema").glob("*.schema")):
        for message in generate.parse_file(path):
            by_name[message.name] = message
    return by_name


MESSAGES = load()


class Writer:
    def __init__(self):
        self.data = bytearray()

    def fixed(self, form, value):
        self.data += struct.pack(">" + form, value)

    def uvarint(self, value):
        while value > 127:
            self.data.append(value & 127 | 128)
            value >>= 7
        self.data.append(value)

    def length(self, value, compact, form):
        """None is null."""
        if compact:
            self.uvarint(0 if value is None else value + 1)
        else:
            self.fixed(form, -1 if value is None else value)


class Reader:
    def __init__(self, data):
        self.data, self.position = data, 0

    def take(self, size):
        if size < 0 or self.position + size > len(self.data):
            raise ValueError(f"{size} bytes wanted at {self.position} of {len(self.data)}")
        self.position += size
        return self.data[self.position - size:self.position]

    def fixed(self, form):
        return struct.unpack(">" + form, self.take(struct.calcsize(form)))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7

    def length(self, compact, form):
        value = self.uvarint() - 1 if compact else self.fixed(form)
        return None if value < 0 else value


def default(field):
    if field.array:
        return None if field.default == "null" else []
    if not field.is_scalar:
        return None if field.default == "null" else {}
    if field.default == "null":
        return None
    if field.type == "string":
        return (field.default or "").strip('"')
    if field.type in ("bytes", "records"):
        return None if field.nullable else b""
    if field.type == "uuid":
        return uuid.UUID(int=0)
    if field.type == "bool":
        return field.default == "true"
    return int(field.default, 0) if field.default else 0


def write_one(out, field, value, version, compact):
    if not field.is_scalar:
        write_struct(out, field.nested, value, version)
    elif field.type == "string":
        data = None if value is None else value.encode()
        out.length(None if data is None else len(data), compact, "h")
        out.data += data or b""
    elif field.type in ("bytes", "records"):
        out.length(None if value is None else len(value), compact, "i")
        out.data += value or b""
    elif field.type == "uuid":
        out.data += value.bytes
    else:
        out.fixed(FORMATS[field.type], value)


def write_field(out, field, value, version, compact):
    if field.array:
        out.length(None if value is None else len(value), compact, "i")
        for item in value or []:
            write_one(out, field, item, version, compact)
    elif field.is_pointer and field.nullable and version in field.nullable:
        if compact and field.tagged:
            out.uvarint(0 if value is None else 1)
        else:
            out.fixed("b", -1 if value is None else 1)
        if value is not None:
            write_struct(out, field.nested, value, version)
    else:
        write_one(out, field, value, version, compact)


def write_struct(out, kind, value, version):
    plain, tagged, _, flexible = kind.plan(version)
    unknown = set(value) - {f.name for f in kind.fields}
    assert not unknown, f"{kind.full_name} has no {unknown}"
    for field, _ in plain:
        write_field(out, field, value.get(field.name, default(field)), version, flexible and not field.inflexible)
    if not flexible:
        return
    present = [f for f, _ in tagged if f.name in value and value[f.name] != default(f)]
    out.uvarint(len(present))
    for field in present:
        inner = Writer()
        write_field(inner, field, value[field.name], version, True)
        out.uvarint(field.tag)
        out.uvarint(len(inner.data))
        out.data += inner.data


def read_one(data, field, version, compact):
    if not field.is_scalar:
        return read_struct(data, field.nested, version)
    if field.type == "string":
        size = data.length(compact, "h")
        return None if size is None else data.take(size).decode()
    if field.type in ("bytes", "records"):
        size = data.length(compact, "i")
        return None if size is None else bytes(data.take(size))
    if field.type == "uuid":
        return uuid.UUID(bytes=bytes(data.take(16)))
    return data.fixed(FORMATS[field.type])


def read_field(data, field, version, compact):
    if field.array:
        count = data.length(compact, "i")
        return None if count is None else [read_one(data, field, version, compact) for _ in range(count)]
    if field.is_pointer and field.nullable and version in field.nullable:
        there = data.uvarint() if compact and field.tagged else data.fixed("b")
        return read_struct(data, field.nested, version) if there > 0 else None
    return read_one(data, field, version, compact)


def read_struct(data, kind, version):
    plain, tagged, _, flexible = kind.plan(version)
    value = {}
    for field, _ in plain:
        value[field.name] = read_field(data, field, version, flexible and not field.inflexible)
    if flexible:
        by_tag = {field.tag: field for field, _ in tagged}
        for _ in range(data.uvarint()):
            tag, size = data.uvarint(), data.uvarint()
            inner = Reader(data.take(size))
            if tag in by_tag:
                value[by_tag[tag].name] = read_field(inner, by_tag[tag], version, True)
            else:
                value[f"tag {tag}"] = inner.data.hex()
    return value


def encode(name, version, value):
    out = Writer()
    write_struct(out, MESSAGES[name].body, value, version)
    return bytes(out.data)


def decode(name, version, data):
    reader = Reader(data)
    value = read_struct(reader, MESSAGES[name].body, version)
    if reader.position != len(data):
        value["bytes left"] = data[reader.position:].hex()
    return value


def request_bytes(api, version, value, correlation_id=0, client_id="test"):
    """A whole frame; also for versions past the known ones, with an empty body when value is None."""
    message = MESSAGES[api + "Request"]
    header = {"RequestApiKey": message.key, "RequestApiVersion": version, "CorrelationId": correlation_id,
              "ClientId": client_id}
    data = encode("RequestHeader", 2 if version >= message.flexible else 1, header)
    data += encode(api + "Request", version, value) if value is not None else b""
    return struct.pack(">i", len(data)) + data


def response_value(api, version, frame):
    """(correlation id, message) of a frame without its length."""
    message = MESSAGES[api + "Response"]
    flexible = version >= message.flexible and api != "ApiVersions"
    correlation_id = struct.unpack(">i", frame[:4])[0]
    return correlation_id, decode(api + "Response", version, frame[5 if flexible else 4:])


class Connection:
    def __init__(self, host, port, timeout=10):
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.next_id = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive_exactly(self, size):
        data = b""
        while len(data) < size:
            part = self.socket.recv(size - len(data))
            if not part:
                raise ConnectionError("closed by the node")
            data += part
        return data

    def receive_frame(self):
        return self.receive_exactly(struct.unpack(">i", self.receive_exactly(4))[0])

    def send(self, api, version, value, client_id="test"):
        self.next_id += 1
        self.send_raw(request_bytes(api, version, value, self.next_id, client_id))
        return self.next_id

    def receive(self, api, version):
        correlation_id, value = response_value(api, version, self.receive_frame())
        return correlation_id, value

    def ask(self, api, version, value):
        wanted = self.send(api, version, value)
        correlation_id, answer = self.receive(api, version)
        assert correlation_id == wanted, f"correlation id {correlation_id} instead of {wanted}"
        return answer
