"""What the boxes of an AVIF or HEIC file say about its primary picture: how large it is and which way up.

The names are those of ISO 14496-12 (boxes) and 23008-12 (pictures in boxes). Everything here works on bytes in memory
that the caller has bounded, in a few milliseconds at most.
"""

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

AVIF_BRANDS = {b"avif", b"avis"}
HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"}
HEIF_CODECS = {b"hvc1", b"hev1", b"grid", b"iden", b"iovl"}  # HEVC, and pictures that are put together from others
ANY_CODEC_BRANDS = {b"mif1", b"msf1", b"mif2"}  # the brand leaves open which codec; the primary item's type tells

# EXIF's orientation for "turned left by n quarters, then mirrored": not, top to bottom, left to right
_ORIENTATIONS = {
    0: {None: 1, 0: 4, 1: 2},
    1: {None: 8, 0: 5, 1: 7},
    2: {None: 3, 0: 2, 1: 4},
    3: {None: 6, 0: 7, 1: 5},
}

_T = TypeVar("_T")


class BrokenBoxes(Exception):
    """The boxes are cut off, or don't say what they have to."""


@dataclass(frozen=True)
class Picture:
    """The primary picture, its size as coded, in pixels."""

    codec: bytes  # b"av01", b"hvc1", b"grid", ...
    width: int
    height: int
    orientation: int = 1  # in EXIF's numbers, from 1 (upright) to 8
    aperture: tuple[int, int] | None = None  # width and height of what is left when the picture is cropped


@dataclass(frozen=True)
class Grid:
    """A picture that is put together from others of one size, row by row; those of the last row and column may stand
    out."""

    size: tuple[int, int]  # as coded, in pixels
    orientation: int  # in EXIF's numbers
    tiles: tuple[int, ...]  # numbers of items
    tile_size: tuple[int, int]


class Box(NamedTuple):
    kind: bytes
    start: int  # of its content
    end: int


def image_format(brands: list[bytes]) -> str | None:
    """AVIF or HEIF by the major brand and then the compatible ones; an empty string when only the codec can tell, and
    None when it is another kind of file.
    """
    for brand in brands:
        if brand in AVIF_BRANDS:
            return "AVIF"
        if brand in HEIF_BRANDS:
            return "HEIF"
    return "" if ANY_CODEC_BRANDS.intersection(brands) else None


def primary_picture(meta: bytes) -> Picture:
    """The primary picture as the content of a `meta` box describes it. Raises BrokenBoxes."""
    with _broken_boxes():
        described = _Described(meta, Box(b"meta", 0, len(meta)))
        return described.picture(described.primary)


def primary_grid(data: bytes) -> Grid | None:
    """What the primary picture of the file `data` is put together from, when that is all there is to do: its tiles are
    shown whole, each as it lies, in the colours of the whole. Raises BrokenBoxes.
    """
    with _broken_boxes():
        described = _Described(data, _meta(data))
        picture = described.picture(described.primary)
        tiles = described.parts_of(described.primary) if picture.codec == b"grid" and not picture.aperture else ()
        if not tiles:
            return None
        first = described.picture(tiles[0])
        columns, rows = -(-picture.width // first.width), -(-picture.height // first.height)
        are_plain = first.codec in (b"hvc1", b"hev1") and first.orientation == 1 and not first.aperture
        colours = [
            box for box in described.properties(described.primary) if box.kind == b"colr" and _is_coded(data, box)
        ]
        for tile in set(tiles):
            are_plain = are_plain and described.picture(tile) == first
            are_plain = are_plain and set(colours) <= set(described.properties(tile))
        if not are_plain or columns * rows != len(tiles):
            return None
        return Grid((picture.width, picture.height), picture.orientation, tiles, (first.width, first.height))


def with_primary(data: bytes, item: int) -> bytes:
    """The file `data` as one whose primary picture is `item`. Raises BrokenBoxes."""
    with _broken_boxes():
        described = _Described(data, _meta(data))
        changed = bytearray(data)
        pitm, entry = described.parts[b"pitm"], described.entry(item)
        struct.pack_into(">L" if data[pitm.start] else ">H", changed, pitm.start + 4, item)
        changed[entry.start + 3] &= ~1  # hidden
        return bytes(changed)


def sequence_size(moov: bytes) -> tuple[int, int] | None:
    """Width and height of the first track that shows something, by the content of a `moov` box. Raises BrokenBoxes."""
    try:
        for track in _boxes(moov, 0, len(moov)):
            if track.kind != b"trak":
                continue
            for box in _boxes(moov, track.start, track.end):
                if box.kind == b"tkhd":
                    width, height = struct.unpack_from(">LL", moov, box.end - 8)
                    if width >> 16 and height >> 16:
                        return width >> 16, height >> 16
    except struct.error as error:
        raise BrokenBoxes(str(error)) from error
    return None


def _boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    while start + 8 <= end:
        size, kind = struct.unpack_from(">L4s", data, start)
        content = start + 8
        if size == 1:
            (size,) = struct.unpack_from(">Q", data, content)
            content += 8
        stop = start + size if size else end
        if not content <= stop <= end:
            raise BrokenBoxes(f"{kind!r} does not fit")
        yield Box(kind, content, stop)
        start = stop


@contextmanager
def _broken_boxes() -> Iterator[None]:
    try:
        yield
    except (KeyError, struct.error, IndexError, ZeroDivisionError) as error:
        raise BrokenBoxes(str(error)) from error


def _meta(data: bytes) -> Box:
    for box in _boxes(data, 0, len(data)):
        if box.kind == b"meta":
            return box
    raise BrokenBoxes("no meta box")


class _Described:
    """The items that a `meta` box in `data` describes."""

    def __init__(self, data: bytes, meta: Box) -> None:
        self._data = data
        self.parts = {box.kind: box for box in _boxes(data, meta.start + 4, meta.end)}
        pitm, iprp = self.parts[b"pitm"], self.parts[b"iprp"]
        self.primary: int = struct.unpack_from(">L" if data[pitm.start] else ">H", data, pitm.start + 4)[0]
        properties = {box.kind: box for box in _boxes(data, iprp.start, iprp.end)}
        self._properties = list(_boxes(data, properties[b"ipco"].start, properties[b"ipco"].end))
        self._owned = _Listing(_owned(data, properties[b"ipma"]))
        self._entries = _Listing(_entries(data, self.parts[b"iinf"]))

    def entry(self, item: int) -> Box:
        """What iinf says of it."""
        return self._entries[item]

    def properties(self, item: int) -> list[Box]:
        """The boxes that describe it."""
        count = len(self._properties)
        return [self._properties[number - 1] for number in self._owned[item] if 0 < number <= count]

    def picture(self, item: int) -> Picture:
        """What is said of a picture."""
        entry = self.entry(item)
        layout = ">LH4s" if self._data[entry.start] >= 3 else ">HH4s"
        codec = struct.unpack_from(layout, self._data, entry.start + 4)[2]
        return _picture(self._data, codec, {box.kind: box for box in self.properties(item)})

    def parts_of(self, item: int) -> tuple[int, ...]:
        """The items that it is put together from."""
        iref = self.parts[b"iref"]
        number = "L" if self._data[iref.start] else "H"
        for box in _boxes(self._data, iref.start + 4, iref.end):
            whole, count = struct.unpack_from(f">{number}H", self._data, box.start)
            if box.kind == b"dimg" and whole == item:
                return struct.unpack_from(f">{count}{number}", self._data, box.start + struct.calcsize(f">{number}H"))
        return ()


def _is_coded(data: bytes, colr: Box) -> bool:
    """Whether it says how colours are coded, not which profile they have."""
    return data[colr.start : colr.start + 4] == b"nclx"


class _Listing(Generic[_T]):
    """What a file lists by item, read as far as it takes: what follows may be broken."""

    def __init__(self, pairs: Iterator[tuple[int, _T]]) -> None:
        self._pairs = pairs
        self._read: dict[int, _T] = {}

    def __getitem__(self, item: int) -> _T:
        if item not in self._read:
            for number, value in self._pairs:
                self._read.setdefault(number, value)
                if number == item:
                    break
        return self._read[item]


def _entries(data: bytes, iinf: Box) -> Iterator[tuple[int, Box]]:
    for entry in _boxes(data, iinf.start + (8 if data[iinf.start] else 6), iinf.end):
        layout = ">L" if data[entry.start] >= 3 else ">H"
        yield struct.unpack_from(layout, data, entry.start + 4)[0], entry


def _owned(data: bytes, ipma: Box) -> Iterator[tuple[int, list[int]]]:
    """The numbers, counted from 1, of the properties that belong to each item."""
    version, flags, entries = struct.unpack_from(">B2xBL", data, ipma.start)
    wide = flags & 1
    at = ipma.start + 8
    for _ in range(entries):
        item, count = struct.unpack_from(">LB" if version else ">HB", data, at)
        at += 5 if version else 3
        numbers = struct.unpack_from(f">{count}{'H' if wide else 'B'}", data, at)
        yield item, [number & (0x7FFF if wide else 0x7F) for number in numbers]
        at += count * (2 if wide else 1)


def _picture(data: bytes, codec: bytes, own: dict[bytes, Box]) -> Picture:
    width, height = struct.unpack_from(">LL", data, own[b"ispe"].start + 4)
    quarters, mirror, aperture = 0, None, None
    if b"irot" in own:
        quarters = data[own[b"irot"].start] & 3
    if b"imir" in own:
        mirror = data[own[b"imir"].start] & 1
    if b"clap" in own:
        clap = struct.unpack_from(">LLLL", data, own[b"clap"].start)
        aperture = round(clap[0] / clap[1]), round(clap[2] / clap[3])
    return Picture(codec, width, height, _ORIENTATIONS[quarters][mirror], aperture)
