"""The records that every client writes, so that each can check what another wrote."""
import os

TIME_MS = int(os.environ["TIME_MS"])


def make(prefix, count):
    for i in range(count):
        yield f"{prefix}-k{i}".encode(), f"{prefix}-v{i} ".encode() * (1 + i % 7), TIME_MS + i


def show(offset, timestamp, key, value):
    print(offset, timestamp, key.decode(), value.decode(), sep="\t")
