"""Boxes, of which AVIF and HEIF files are made: a length, a kind, and a body that may hold boxes again."""

import struct
from collections.abc import Iterator
from typing import NamedTuple

from imgs.metadata.structure import MAX_PARTS, Unfollowable

Extent = tuple[int, int]  # first byte and the one behind the last, counted from the start of the file


class Box(NamedTuple):
    """Where a box lies in the file: its header starts at `start`, its contents at `body`."""

    kind: bytes
    start: int
    body: int
    end: int


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that fill `data` from `start` to `end`; raises Unfollowable where there is none."""
    for _ in range(MAX_PARTS):
        if start == end:
            return
        if end - start < 8:
            raise Unfollowable
        length, kind = struct.unpack_from(">L4s", data, start)
        head = 8
        if length == 1 and end - start >= 16:
            (length,) = struct.unpack_from(">Q", data, start + 8)
            head = 16
        elif length == 0:
            length = end - start
        if not head <= length <= end - start:
            raise Unfollowable
        yield Box(kind, start, start + head, start + length)
        start += length
    raise Unfollowable
