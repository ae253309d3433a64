"""Where in an AVIF or HEIF file the data of its pictures lies, and that of all its other items."""

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from imgs.metadata.boxes import Box, Extent, boxes
from imgs.metadata.structure import MAX_PARTS, Unfollowable

# Coded pictures (also transparency, depth and gain maps), and those that are put together from others
PICTURES = set(b"av01 hvc1 hev1 lhv1 avc1 vvc1 evc1 j2k1 jpeg unci mski grid iovl iden tmap".split())
IN_FILE, IN_ITEM_DATA = 0, 1  # iloc's construction methods; the third, in another item, nobody writes

MAX_TRACKS = 10  # a sequence has one or two: colours and transparency

_Known = Mapping[bytes, list[Box]]


class Items(NamedTuple):
    """The bytes of pictures, the bytes of other items, and where iinf says the kind and name of those others."""

    pictures: list[Extent]
    others: list[Extent]
    names: list[Extent]


def locate_items(data: bytes, known: _Known) -> Items:
    """The items of the file whose boxes are `known` by kind; none when it has no meta box."""
    items = Items([], [], [])
    if b"meta" not in known:
        return items
    pictures = set()
    for item, place in _described(data, known[b"iinf"][0]):
        if data[place[0] : place[0] + 4] in PICTURES:
            pictures.add(item)
        else:
            items.names.append(place)
    for item, extents in _located(data, known):
        (items.pictures if item in pictures else items.others).extend(extents)
    return items


def _described(data: bytes, iinf: Box) -> Iterator[tuple[int, Extent]]:
    """Each item's number, and where its description names its kind and all that follows that."""
    number_of_items = 4 if data[iinf.body] else 2  # bytes
    for box in boxes(data, iinf.body + 4 + number_of_items, iinf.end):
        item_number = {2: 2, 3: 4}.get(data[box.body], 0)  # bytes, by version
        kind_at = box.body + 4 + item_number + 2
        if box.kind != b"infe" or not item_number or kind_at + 4 > box.end:
            raise Unfollowable
        yield int.from_bytes(data[box.body + 4 : kind_at - 2], "big"), (kind_at, box.end)


class _Fields:
    """Numbers of different sizes, one after the other."""

    def __init__(self, data: bytes, box: Box) -> None:
        self._data = data
        self._position = box.body
        self._end = box.end

    def take(self, size: int) -> int:
        """The next `size` bytes as a number; no bytes are 0."""
        start = self._position
        self._position += size
        if self._position > self._end:
            raise Unfollowable
        return int.from_bytes(self._data[start : self._position], "big")


def _located(data: bytes, known: _Known) -> Iterator[tuple[int, list[Extent]]]:
    """Each item's number and the places of its data, as the iloc box tells them."""
    fields = _Fields(data, known[b"iloc"][0])
    version = fields.take(1)
    fields.take(3)
    sizes = fields.take(2)
    offset_size, length_size, base_size, index_size = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    if not length_size or version > 2:
        raise Unfollowable
    parts_left = MAX_PARTS
    for _ in range(fields.take(4 if version == 2 else 2)):
        item = fields.take(4 if version == 2 else 2)
        method = fields.take(2) & 15 if version else IN_FILE
        in_other_file = fields.take(2)
        base = fields.take(base_size)
        if method == IN_ITEM_DATA:
            base += known[b"idat"][0].body
        if method not in {IN_FILE, IN_ITEM_DATA} or in_other_file:
            raise Unfollowable
        count = fields.take(2)
        parts_left -= 1 + count
        if parts_left < 0:
            raise Unfollowable
        extents = []
        for _ in range(count):
            fields.take(index_size if version else 0)
            start = base + fields.take(offset_size)
            extents.append((start, start + fields.take(length_size)))
        yield item, extents


def locate_samples(data: bytes, known: _Known) -> Iterator[Extent]:
    """The bytes of the frames of all tracks, as their sample tables tell them."""
    tracks = known.get(b"stbl", [])
    if len(tracks) > MAX_TRACKS:
        raise Unfollowable
    for stbl in tracks:
        tables = {
            kind: box
            for kind in (b"stsz", b"stsc", b"stco", b"co64")
            for box in known.get(kind, ())
            if stbl.start < box.start < stbl.end
        }
        offsets = tables.get(b"co64") or tables[b"stco"]
        yield from _chunks(data, tables[b"stsz"], tables[b"stsc"], offsets)


def _chunks(data: bytes, stsz: Box, stsc: Box, offsets: Box) -> Iterator[Extent]:
    """The bytes of one track's frames, of which several lie together in a chunk."""
    (size_of_all,) = struct.unpack_from(">L", data, stsz.body + 4)
    sizes = [] if size_of_all else [size for (size,) in _rows(data, stsz, 8, ">L")]
    samples_from_chunk = {chunk: samples for chunk, samples, _ in _rows(data, stsc, 4, ">LLL")}
    first = samples = 0
    for chunk, (start,) in enumerate(_rows(data, offsets, 4, ">Q" if offsets.kind == b"co64" else ">L"), 1):
        samples = samples_from_chunk.get(chunk, samples)
        yield start, start + (size_of_all * samples or sum(sizes[first : first + samples]))
        first += samples


def _rows(data: bytes, box: Box, count_at: int, row: str) -> Iterator[tuple[int, ...]]:
    """The rows of a table, whose number stands `count_at` bytes into the box."""
    start = box.body + count_at + 4
    (count,) = struct.unpack_from(">L", data, start - 4)
    end = start + count * struct.calcsize(row)
    if count > MAX_PARTS or end > box.end:
        raise Unfollowable
    return struct.iter_unpack(row, data[start:end])
