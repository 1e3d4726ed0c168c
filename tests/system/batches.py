"""Record batches by hand, right ones and wrong ones."""
import gzip
import struct


def crc_table():
    table = []
    for byte in range(256):
        for _ in range(8):
            byte = byte >> 1 ^ (0x82F63B78 if byte & 1 else 0)
        table.append(byte)
    return table


CRC = crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = CRC[(crc ^ byte) & 255] ^ crc >> 8
    return crc ^ 0xFFFFFFFF


def varint(value):
    value = (value << 1 ^ value >> 63) & (1 << 64) - 1
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(delta, key=None, value=b"v", timestamp_delta=0, headers=(), attributes=0):
    body = struct.pack("b", attributes) + varint(timestamp_delta) + varint(delta)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(len(headers))
    for name, content in headers:
        body += varint(len(name)) + name + (varint(-1) if content is None else varint(len(content)) + content)
    return varint(len(body)) + body


def batch(values=(b"v",), *, base=0, epoch=-1, magic=2, attributes=0, last_delta=None, first_time=1000000,
          max_time=None, producer=-1, producer_epoch=-1, sequence=-1, count=None, records=None, crc=None, length=None,
          key=None):
    """One batch of magic 2; what is given replaces what would be right. attributes' codec 1 is really compressed."""
    if records is None:
        records = b"".join(record(i, key=key, value=value) for i, value in enumerate(values))
    if attributes & 7 == 1:
        records = gzip.compress(records, mtime=0)
    size = len(values)
    tail = struct.pack(">hiqqqhii", attributes, size - 1 if last_delta is None else last_delta, first_time,
                       first_time if max_time is None else max_time, producer, producer_epoch, sequence,
                       size if count is None else count) + records
    head = struct.pack(">ibI", epoch, magic, crc32c(tail) if crc is None else crc)
    return struct.pack(">qi", base, len(head) + len(tail) if length is None else length) + head + tail


def message(magic, value=b"v", key=None, timestamp=1000000, attributes=0, offset=0):
    """A message of the old formats 0 and 1."""
    import zlib
    body = struct.pack(">bb", magic, attributes) + (struct.pack(">q", timestamp) if magic else b"")
    for part in (key, value):
        body += struct.pack(">i", -1) if part is None else struct.pack(">i", len(part)) + part
    body = struct.pack(">I", zlib.crc32(body)) + body
    return struct.pack(">qi", offset, len(body)) + body


def describe(data, now):
    """What is in batches, a text for each. Times near now are not told, nor what only Java can decompress."""
    out = []
    while len(data) >= 61:
        base, length, epoch, _, _, attributes, last, first_time, max_time, producer, producer_epoch, sequence, count = \
            struct.unpack(">qiibIhiqqqhii", data[:61])
        records = data[61:length + 12]
        codec = attributes & 7
        if codec == 1:
            records = gzip.decompress(records)
        text = f"{base}+{last} epoch {epoch} producer {producer}/{producer_epoch} sequence {sequence} count {count}"
        out.append(text + "".join(f" {name}" for bit, name in ((8, "append-time"), (16, "transactional"), (32, "control"))
                                  if attributes & bit)
                   + "".join(f" {'now' if abs(t - now) < 3600000 else t}" for t in (first_time, max_time))
                   + f" codec {codec} {records.hex() if codec < 2 else 'compressed'}")
        data = data[length + 12:]
    return out
