"""HEIC files for tests, written by hand: the pixels go in as they are, so the right result is known.

HEVC can carry uncompressed blocks (I_PCM). Each block of 32 x 32 pixels gets a slice of its own, so that the arithmetic
coder always starts afresh and what it writes around the pixels is always the same few bits.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from PIL import Image

BLOCK = 32
BEFORE_PIXELS = b"\x86\x80"  # "one undivided block, uncompressed", from a coder at its start
AFTER_PIXELS = b"\xfe\x80"  # "and that was the slice"
VPS, SPS, PPS, IDR = 32, 33, 34, 19


class Bits:
    """Bits in the making; `golomb` is what the standard calls ue(v)."""

    def __init__(self) -> None:
        self._bits = ""

    def fixed(self, *pairs: tuple[int, int]) -> "Bits":
        """Append numbers, each with its number of bits."""
        self._bits += "".join(f"{number:0{length}b}" for number, length in pairs)
        return self

    def golomb(self, *numbers: int) -> "Bits":
        """Append numbers of no fixed length."""
        for number in numbers:
            digits = f"{number + 1:b}"
            self._bits += "0" * (len(digits) - 1) + digits
        return self

    def closed(self) -> bytes:
        """All bytes, behind the last bit a 1 and zeros."""
        bits = self._bits + "1"
        bits += "0" * (-len(bits) % 8)
        return int(bits, 2).to_bytes(len(bits) // 8, "big")

    def packed(self) -> bytes:
        """All bytes as they are."""
        return int(self._bits, 2).to_bytes(len(self._bits) // 8, "big")


@dataclass
class Item:
    """One thing in the file: its type, its bytes, its properties, and what it refers to."""

    kind: bytes
    data: bytes
    properties: list[bytes] = field(default_factory=list)
    reference: tuple[bytes, Sequence[int]] | None = None  # kind, numbers of items
    hidden: bool = False


def heic(
    image: Image.Image,
    *,
    quarters: int = 0,
    mirror: int | None = None,
    clap: tuple[int, int] | None = None,
    profile: bytes | None = None,
    alpha: Image.Image | None = None,
    exif: bytes | None = None,
    bits: int = 8,
    tile: int | None = None,
    nclx: bytes | None = None,
    brands: bytes = b"heic\0\0\0\0mif1heic",
) -> bytes:
    """`image` (RGB or L) as a file that is turned left by `quarters`, then mirrored (0: top to bottom, 1: left to
    right) and cropped to `clap` in its middle when it is shown; with `tile`, in squares of that many pixels.
    """
    shown = [box(b"colr", b"prof" + profile)] if profile else [nclx or NCLX]
    if clap:
        shown.append(box(b"clap", struct.pack(">8L", clap[0], 1, clap[1], 1, 0, 1, 0, 1)))
    if quarters:
        shown.append(box(b"irot", bytes((quarters,))))
    if mirror is not None:
        shown.append(box(b"imir", bytes((mirror,))))
    items = _tiled(image, tile, shown, bits) if tile else [_coded(image, bits, shown)]
    if alpha:
        kind = full_box(b"auxC", b"urn:mpeg:hevc:2015:auxid:1\0")
        coded = _coded(alpha, bits, [kind])
        items.append(Item(coded.kind, coded.data, coded.properties, (b"auxl", [1]), hidden=True))
    if exif:
        items.append(Item(b"Exif", bytes(4) + exif, [], (b"cdsc", [1])))
    return _file(items, brands)


def box(kind: bytes, content: bytes) -> bytes:
    """A box."""
    return struct.pack(">L", len(content) + 8) + kind + content


def full_box(kind: bytes, content: bytes, version: int = 0, flags: int = 0) -> bytes:
    """A box with version and flags."""
    return box(kind, struct.pack(">L", version << 24 | flags) + content)


NCLX = box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 6, 0x80))  # sRGB, all levels used


def _file(items: list[Item], brands: bytes) -> bytes:
    """The boxes around the items; the first item is the primary one."""
    start = box(b"ftyp", brands)
    data = b"".join(dict.fromkeys(item.data for item in items))  # what is alike once
    described = _meta(items, 0)
    return start + _meta(items, len(start) + len(described) + 8) + box(b"mdat", data)


def _meta(items: list[Item], offset: int) -> bytes:
    kinds, places, links, owned = b"", b"", b"", b""
    properties: list[bytes] = []
    offsets: dict[bytes, int] = {}
    for number, item in enumerate(items, 1):
        kinds += full_box(b"infe", struct.pack(">HH4sx", number, 0, item.kind), 2, int(item.hidden))
        if item.data not in offsets:
            offsets[item.data] = offset
            offset += len(item.data)
        places += struct.pack(">HHHLL", number, 0, 1, offsets[item.data], len(item.data))
        if item.reference:
            kind, to = item.reference
            links += box(kind, struct.pack(f">HH{len(to)}H", number, len(to), *to))
        owned += struct.pack(">HB", number, len(item.properties))
        for own in item.properties:
            if own not in properties:  # tiles share theirs
                properties.append(own)
            owned += struct.pack(">H", properties.index(own) + 1)
    handler = full_box(b"hdlr", bytes(4) + b"pict" + bytes(13))
    parts = [
        handler,
        full_box(b"pitm", struct.pack(">H", 1)),
        full_box(b"iloc", struct.pack(">HH", 0x4400, len(items)) + places),
        full_box(b"iinf", struct.pack(">H", len(items)) + kinds),
        full_box(b"iref", links) if links else b"",
        box(
            b"iprp", box(b"ipco", b"".join(properties)) + full_box(b"ipma", struct.pack(">L", len(items)) + owned, 0, 1)
        ),
    ]
    return full_box(b"meta", b"".join(parts))


def _tiled(image: Image.Image, tile: int, shown: list[bytes], bits: int) -> list[Item]:
    columns, rows = -(-image.width // tile), -(-image.height // tile)
    known: dict[bytes, Item] = {}
    tiles = []
    for y in range(rows):
        for x in range(columns):
            part = image.crop((x * tile, y * tile, (x + 1) * tile, (y + 1) * tile))
            pixels = part.tobytes()
            if pixels not in known:
                known[pixels] = _coded(part, bits, [NCLX])
            tiles.append(known[pixels])
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, *image.size)
    properties = [_size(image), *shown]
    return [
        Item(b"grid", grid, properties, (b"dimg", range(2, 2 + len(tiles)))),
        *(Item(item.kind, item.data, item.properties, hidden=True) for item in tiles),
    ]


def _size(image: Image.Image) -> bytes:
    return full_box(b"ispe", struct.pack(">LL", *image.size))


def _coded(image: Image.Image, bits: int, properties: list[bytes]) -> Item:
    """The picture, its blocks filled up with black."""
    assert (image.width | image.height) % 2 == 0, "colours are stored for two pixels at a time"
    columns, rows = -(-image.width // BLOCK), -(-image.height // BLOCK)
    planes = _planes(image, columns * BLOCK, rows * BLOCK)
    blocks = [_block(planes, column, row, bits) for row in range(rows) for column in range(columns)]
    digits = (len(blocks) - 1).bit_length()
    slices = [_unit(IDR, _slice_head(number, digits) + block) for number, block in enumerate(blocks)]
    parameters = [
        (VPS, _unit(VPS, _vps(bits))),
        (SPS, _unit(SPS, _sps(image, columns, rows, bits, grey=len(planes) == 1))),
        (PPS, _unit(PPS, _pps())),
    ]
    sets = b"".join(struct.pack(">BHH", kind, 1, len(unit)) + unit for kind, unit in parameters)
    chroma = 0 if image.mode == "L" else 1
    tail = bytes((0xFC | chroma, 0xF8 | bits - 8, 0xF8 | bits - 8, 0, 0, 0x0F, len(parameters)))
    configuration = b"\1" + _levels(bits) + b"\xf0\0\xfc" + tail + sets
    pixels = full_box(b"pixi", bytes((len(planes), *[bits] * len(planes))))
    data = b"".join(struct.pack(">L", len(unit)) + unit for unit in slices)
    return Item(b"hvc1", data, [box(b"hvcC", configuration), _size(image), pixels, *properties])


def _planes(image: Image.Image, width: int, height: int) -> list[Image.Image]:
    whole = Image.new(image.mode, (width, height))
    whole.paste(image)
    if image.mode == "L":
        return [whole]
    luma, *chroma = whole.convert("YCbCr").split()
    return [luma, *(plane.reduce(2) for plane in chroma)]


def _block(planes: list[Image.Image], column: int, row: int, bits: int) -> bytes:
    pixels = b""
    for plane, side in zip(planes, (BLOCK, BLOCK // 2, BLOCK // 2), strict=False):
        corner = column * side, row * side
        levels = plane.crop((*corner, corner[0] + side, corner[1] + side)).tobytes()
        if bits > 8:  # repeating the high bits makes white white
            spread = [(level << bits - 8 | level >> 16 - bits, bits) for level in levels]
            levels = Bits().fixed(*spread).packed()
        pixels += levels
    return BEFORE_PIXELS + pixels + AFTER_PIXELS


def _unit(kind: int, content: bytes) -> bytes:
    """A NAL unit: nothing in it may look like a start code."""
    safe = bytearray()
    for byte in content:
        if safe[-2:] == b"\0\0" and byte <= 3:
            safe.append(3)
        safe.append(byte)
    return bytes((kind << 1, 1)) + bytes(safe)


def _slice_head(number: int, digits: int) -> bytes:
    head = Bits().fixed((number == 0, 1), (0, 1)).golomb(0)
    if number:
        head.fixed((number, digits))
    return head.golomb(2, 0).closed()  # an I slice with the usual quantisation


def _levels(bits: int) -> bytes:
    """Profile (Main or Main 10), tier and level."""
    profile, compatible = (1, 0x60000000) if bits == 8 else (2, 0x20000000)
    return struct.pack(">BLB", profile, compatible, 0x90) + bytes(5) + b"\xba"


def _number(data: bytes) -> tuple[int, int]:
    return int.from_bytes(data, "big"), len(data) * 8


def _vps(bits: int) -> bytes:
    vps = Bits().fixed((0, 4), (3, 2), (0, 6), (0, 3), (1, 1), (0xFFFF, 16)).fixed(_number(_levels(bits)))
    return vps.fixed((1, 1)).golomb(0, 0, 0).fixed((0, 6)).golomb(0).fixed((0, 2)).closed()


def _sps(image: Image.Image, columns: int, rows: int, bits: int, *, grey: bool) -> bytes:
    width, height = columns * BLOCK, rows * BLOCK
    unit = 1 if grey else 2
    sps = Bits().fixed((0, 4), (0, 3), (1, 1)).fixed(_number(_levels(bits)))
    sps.golomb(0, 0 if grey else 1, width, height).fixed((1, 1))
    sps.golomb(0, (width - image.width) // unit, 0, (height - image.height) // unit)
    sps.golomb(bits - 8, bits - 8, 0).fixed((1, 1)).golomb(0, 0, 0)
    sps.golomb(2, 0, 0, 3, 0, 0)  # blocks of 32 only
    sps.fixed((0, 1), (0, 1), (0, 1), (1, 1), (bits - 1, 4), (bits - 1, 4)).golomb(2, 0).fixed((1, 1))
    sps.golomb(0).fixed((0, 3), (1, 1))
    sps.fixed((0, 2), (1, 1), (5, 3), (1, 1), (1, 1), (1, 8), (13, 8), (6, 8))  # sRGB, all levels used
    return sps.fixed((0, 7), (0, 1)).closed()


def _pps() -> bytes:
    pps = Bits().golomb(0, 0).fixed((0, 7)).golomb(0, 0, 0).fixed((0, 3)).golomb(0, 0)
    pps.fixed((0, 7)).fixed((1, 1), (0, 1), (1, 1), (0, 2)).golomb(0)
    return pps.fixed((0, 2)).closed()
