"""What the boxes of an AVIF or HEIC file say about its primary picture: how large it is and which way up.

The names are those of ISO 14496-12 (boxes) and 23008-12 (pictures in boxes). Everything here works on bytes in memory
that the caller has bounded, in a few milliseconds at most.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

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
    try:
        parts = {box.kind: box for box in _boxes(meta, 4, len(meta))}
        item = _primary_item(meta, parts[b"pitm"])
        properties = {box.kind: box for box in _boxes(meta, parts[b"iprp"].start, parts[b"iprp"].end)}
        listed = list(_boxes(meta, properties[b"ipco"].start, properties[b"ipco"].end))
        own = [listed[index - 1] for index in _indexes(meta, properties[b"ipma"], item) if 0 < index <= len(listed)]
        return _picture(meta, _codec(meta, parts[b"iinf"], item), {box.kind: box for box in own})
    except (KeyError, struct.error, ZeroDivisionError) as error:
        raise BrokenBoxes(str(error)) from error


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


def _primary_item(data: bytes, box: Box) -> int:
    item: int = struct.unpack_from(">L" if data[box.start] else ">H", data, box.start + 4)[0]
    return item


def _codec(data: bytes, box: Box, item: int) -> bytes:
    entries = box.start + (8 if data[box.start] else 6)
    for entry in _boxes(data, entries, box.end):
        layout = ">LH4s" if data[entry.start] >= 3 else ">HH4s"
        number, _protection, codec = struct.unpack_from(layout, data, entry.start + 4)
        if number == item:
            return bytes(codec)
    raise BrokenBoxes("no primary item")


def _indexes(data: bytes, box: Box, wanted: int) -> list[int]:
    """The numbers, counted from 1, of the properties that belong to the item `wanted`."""
    version, flags, entries = struct.unpack_from(">B2xBL", data, box.start)
    wide = flags & 1
    at = box.start + 8
    for _ in range(entries):
        item, count = struct.unpack_from(">LB" if version else ">HB", data, at)
        at += 5 if version else 3
        if item == wanted:
            numbers = struct.unpack_from(f">{count}{'H' if wide else 'B'}", data, at)
            return [number & (0x7FFF if wide else 0x7F) for number in numbers]
        at += count * (2 if wide else 1)
    raise BrokenBoxes("a primary item without properties")


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
