"""What the head of a picture file says: its type, its size, which way up. No pixel is decoded.

Read by hand, not by Pillow, because this runs in the web process on strangers' bytes: 5 MB made of fill bytes keep
Pillow's JPEG opener busy for seconds. Here every read is small and their number is bounded: 10 ms at most.
"""

import io
import struct
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from imgs import exif, isobmff

MAX_READS = 10_000  # a phone's picture takes about 100; the rest is room for metadata in small blocks
MAX_EXIF_BYTES = 64 * 1024
MAX_BOX_BYTES = 128 * 1024  # of an AVIF's or HEIC's description; a phone's 48 megapixels in 200 tiles take about 12 KB
JPEG_WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD9)}
JPEG_FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}  # baseline, extended and progressive; Huffman or arithmetic
JPEG_PROGRESSIVE = {0xC2, 0xCA}
JPEG_OTHER_FRAMES = {0xC3, 0xC5, 0xC6, 0xC7, 0xCB, 0xCD, 0xCE, 0xCF}  # lossless and hierarchical: nobody decodes them


class UnsupportedType(Exception):
    """The file doesn't begin like any accepted type of picture, or is of a kind that no decoder here knows."""


class UnreadableImage(Exception):
    """The file begins like a picture, but its header is cut off or makes no sense."""


@dataclass(frozen=True)
class Header:
    """The facts in a picture's header; `width` and `height` are in pixels as a viewer sees them, upright."""

    format: str  # JPEG, PNG, GIF, WEBP, AVIF or HEIF, the names Pillow uses
    content_type: str
    extension: str
    width: int
    height: int
    orientation: int  # EXIF's, from 1 (upright) to 8: what the decoder leaves to be done. That of HEIF leaves nothing
    progressive: bool  # a JPEG whose pixels are spread over several scans

    @property
    def stored_size(self) -> tuple[int, int]:
        """Width and height as the decoder gives them, before the picture is turned upright."""
        return (self.height, self.width) if self.orientation >= 5 else (self.width, self.height)


def read_header(file: BinaryIO) -> Header:
    """The header of the picture in `file`, read from its start, in a few milliseconds at most.

    Raises UnsupportedType when no accepted type begins like this or its kind is one that nobody decodes, and
    UnreadableImage when the header is broken. The number of pixels is not judged here.
    """
    file.seek(0)
    start = file.read(12)
    file.seek(0)
    for place, signature, image_format, read_facts in _SIGNATURES:
        if start[place:].startswith(signature) and (image_format != "WEBP" or start[8:] == b"WEBP"):
            facts = read_facts(_Reader(file))
            return _header(facts.format or image_format, facts)
    raise UnsupportedType


def _header(image_format: str, facts: "_Facts") -> Header:
    width, height = facts.stored_width, facts.stored_height
    if not width or not height:
        raise UnreadableImage(f"{width} x {height} pixels")
    if facts.orientation >= 5:
        width, height = height, width
    return Header(image_format, *_TYPES[image_format], width, height, facts.orientation, facts.progressive)


class _Reader:
    """Reads exactly what is asked for, a bounded number of times."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads_left = MAX_READS

    def take(self, length: int) -> bytes:
        self._reads_left -= 1
        taken = self._file.read(length)
        if len(taken) < length:
            raise UnreadableImage("cut off")
        if self._reads_left < 0:
            raise UnreadableImage("too many parts before the picture")
        return taken

    def skip(self, length: int) -> None:
        self._file.seek(length, io.SEEK_CUR)

    def take_exif(self, length: int) -> int:
        """The orientation in the EXIF block of `length` bytes that comes next; leaves the reader behind the block."""
        read = min(length, MAX_EXIF_BYTES)
        orientation = exif.orientation(self.take(read))
        self.skip(length - read)
        return orientation


class _Facts(NamedTuple):
    stored_width: int
    stored_height: int
    orientation: int = 1
    progressive: bool = False
    format: str | None = None  # where the signature alone does not tell


def _jpeg(reader: _Reader) -> _Facts:
    width = height = components = frame = 0
    orientation = 1
    reader.skip(2)
    while (marker := _next_marker(reader)) != 0xDA:  # the picture's data
        if marker in JPEG_WITHOUT_LENGTH:
            continue
        if marker in JPEG_OTHER_FRAMES:
            raise UnsupportedType
        if marker == 0xD9:
            raise UnreadableImage("JPEG without pixels")
        length = int.from_bytes(reader.take(2), "big") - 2
        if length < 0:
            raise UnreadableImage("JPEG segment without a length")
        if marker in JPEG_FRAMES:
            frame = marker
            bits, height, width, components = struct.unpack(">BHHB", reader.take(6))
            if bits != 8:
                raise UnsupportedType if bits == 12 else UnreadableImage(f"{bits}-bit JPEG")
            reader.skip(length - 6)
        elif marker == 0xE1 and orientation == 1:
            orientation = reader.take_exif(length)
        else:
            reader.skip(length)
    components_in_scan = reader.take(3)[2]
    return _Facts(width, height, orientation, frame in JPEG_PROGRESSIVE or components_in_scan < components)


def _next_marker(reader: _Reader) -> int:
    while True:
        while reader.take(1) != b"\xff":
            pass
        while (code := reader.take(1)) == b"\xff":
            pass
        if code != b"\0":
            return code[0]


def _png(reader: _Reader) -> _Facts:
    reader.skip(8)
    header = reader.take(25)
    if header[:8] != b"\0\0\0\x0dIHDR" or zlib.crc32(header[4:21]) != int.from_bytes(header[21:], "big"):
        raise UnreadableImage("PNG header")
    width, height = struct.unpack_from(">LL", header, 8)
    orientation, has_pixels = 0, False
    with suppress(UnreadableImage):
        while not (orientation and has_pixels):  # they come in any order
            length, kind = struct.unpack(">L4s", reader.take(8))
            if kind == b"IEND":
                break
            has_pixels = has_pixels or kind == b"IDAT"
            if kind == b"eXIf":
                orientation = reader.take_exif(length)
                length = 0
            reader.skip(length + 4)
    if not has_pixels:
        raise UnreadableImage("PNG without pixels")
    return _Facts(width, height, orientation or 1)


def _gif(reader: _Reader) -> _Facts:
    """The screen, stretched by the first frame: 44 bytes may announce gigapixels there."""
    screen_width, screen_height, flags = struct.unpack_from("<HHB", reader.take(13), 6)
    if flags & 0x80:
        reader.skip(3 << (flags & 7) + 1)
    while (block := reader.take(1)) != b",":
        if block == b";":
            raise UnreadableImage("GIF without frames")
        if block == b"!":
            reader.skip(1)
            while length := reader.take(1)[0]:
                reader.skip(length)
    left, top, width, height = struct.unpack("<HHHH", reader.take(8))
    return _Facts(max(screen_width, left + width), max(screen_height, top + height))


def _webp(reader: _Reader) -> _Facts:
    reader.skip(12)
    kind, length = struct.unpack("<4sL", reader.take(8))
    if kind == b"VP8 ":
        start_code, width, height = struct.unpack_from("<3sHH", reader.take(10), 3)
        if start_code != b"\x9d\x01\x2a":
            raise UnreadableImage("WebP key frame")
        return _Facts(width & 0x3FFF, height & 0x3FFF)
    if kind == b"VP8L":
        signature, sizes = struct.unpack("<BL", reader.take(5))
        if signature != 0x2F:
            raise UnreadableImage("lossless WebP")
        return _Facts((sizes & 0x3FFF) + 1, (sizes >> 14 & 0x3FFF) + 1)
    if kind != b"VP8X" or length < 10:
        raise UnreadableImage("WebP header")
    header = reader.take(10)
    reader.skip(length - 10 + length % 2)
    width, height = (int.from_bytes(header[at : at + 3], "little") + 1 for at in (4, 7))
    return _Facts(width, height, _webp_orientation(reader) if header[0] & 0x08 else 1)


def _webp_orientation(reader: _Reader) -> int:
    """The EXIF chunk follows the picture; without one the picture is upright."""
    with suppress(UnreadableImage):
        while True:
            kind, length = struct.unpack("<4sL", reader.take(8))
            if kind == b"EXIF":
                return reader.take_exif(length)
            reader.skip(length + length % 2)
    return 1


def _boxes(reader: _Reader) -> _Facts:
    """AVIF and HEIC. The decoder of HEIF turns and crops by itself, that of AVIF does neither."""
    length, _kind = struct.unpack(">L4s", reader.take(8))
    if not 16 <= length <= 1024:
        raise UnsupportedType
    brands = reader.take(length - 8)
    image_format = isobmff.image_format([brands[at : at + 4] for at in (0, *range(8, len(brands) - 3, 4))])
    if image_format is None:
        raise UnsupportedType
    try:
        return _boxed_picture(reader, image_format, is_sequence=brands[:4] == b"avis")
    except isobmff.BrokenBoxes as error:
        raise UnreadableImage(str(error)) from error


def _boxed_picture(reader: _Reader, image_format: str, *, is_sequence: bool) -> _Facts:
    """A sequence is as large as its track, everything else as its primary picture."""
    if is_sequence and (size := isobmff.sequence_size(_take_box(reader, b"moov"))):
        return _Facts(*size, format="AVIF")
    picture = isobmff.primary_picture(_take_box(reader, b"meta"))
    if image_format == "AVIF" or (not image_format and picture.codec == b"av01"):
        return _Facts(picture.width, picture.height, picture.orientation, format="AVIF")
    if picture.codec not in isobmff.HEIF_CODECS:
        raise UnsupportedType
    width, height = picture.aperture or (picture.width, picture.height)
    if picture.orientation >= 5:
        width, height = height, width
    return _Facts(width, height, format="HEIF")


def _take_box(reader: _Reader, wanted: bytes) -> bytes:
    """The content of the next box of this kind."""
    while True:
        length, kind = struct.unpack(">L4s", reader.take(8))
        head = 8
        if length == 1:
            length, head = int.from_bytes(reader.take(8), "big"), 16
        if kind == wanted and length <= MAX_BOX_BYTES:
            return reader.take(max(0, length - head))
        if kind == wanted or not head <= length < 1 << 62:
            raise UnreadableImage(f"box {kind!r} of {length} bytes")
        reader.skip(length - head)


_TYPES = {
    "JPEG": ("image/jpeg", ".jpg"),
    "PNG": ("image/png", ".png"),
    "GIF": ("image/gif", ".gif"),
    "WEBP": ("image/webp", ".webp"),
    "AVIF": ("image/avif", ".avif"),
    "HEIF": ("image/heic", ".heic"),
}
_SIGNATURES: list[tuple[int, bytes, str, Callable[[_Reader], _Facts]]] = [
    (0, b"\xff\xd8\xff", "JPEG", _jpeg),
    (0, b"\x89PNG\r\n\x1a\n", "PNG", _png),
    (0, b"GIF87a", "GIF", _gif),
    (0, b"GIF89a", "GIF", _gif),
    (0, b"RIFF", "WEBP", _webp),
    (4, b"ftyp", "HEIF", _boxes),
]
