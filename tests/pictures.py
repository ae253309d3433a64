"""Pictures for tests, made in memory: honest ones whose right result is known, and hostile ones."""

import io
import random
import struct
import zlib
from collections.abc import Iterable

from PIL import ExifTags, Image, ImageChops, ImageCms, ImageDraw

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 30), (30, 30, 220), (230, 220, 30)
QUADRANTS = (RED, GREEN, BLUE, YELLOW)  # top left, top right, bottom left, bottom right

# How a picture lies in the file when EXIF says so: what turns the upright one into the stored one
STORED = {
    1: (),
    2: (Image.Transpose.FLIP_LEFT_RIGHT,),
    3: (Image.Transpose.ROTATE_180,),
    4: (Image.Transpose.FLIP_TOP_BOTTOM,),
    5: (Image.Transpose.ROTATE_90, Image.Transpose.FLIP_TOP_BOTTOM),
    6: (Image.Transpose.ROTATE_90,),
    7: (Image.Transpose.ROTATE_90, Image.Transpose.FLIP_LEFT_RIGHT),
    8: (Image.Transpose.ROTATE_270,),
}

# The passes of an interlaced PNG: first column, first row, steps between columns and between rows
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))

OTHER_TYPES = {
    "nothing": b"",
    "text": b"Dear all, the picture is attached.\n",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>',
    "psd": b"8BPS\0\1" + bytes(20),
    "pdf": b"%PDF-1.7\n",
    "mp4": b"\0\0\0\x1cftypisom" + bytes(4) + b"isomiso2mp41" + bytes(16),
    "a camera's CR3": b"\0\0\0\x18ftypcrx " + bytes(4) + b"crx isom" + bytes(16),
    "tiff": b"II*\0\x08\0\0\0" + bytes(16),
    "bmp": b"BM" + bytes(60),
    "wav": b"RIFF\x24\0\0\0WAVEfmt " + bytes(20),
    "a PNG's first bytes": b"\x89PNG",
}


def encoded(image: Image.Image, image_format: str, **options: object) -> bytes:
    """`image` as a file."""
    file = io.BytesIO()
    image.save(file, image_format, **options)
    return file.getvalue()


def quadrants(width: int = 400, height: int = 300) -> Image.Image:
    """Four fields of different colours, so that every turn and flip shows."""
    image = Image.new("RGB", (width, height))
    draw = ImageDraw.Draw(image)
    for index, colour in enumerate(QUADRANTS):
        left, top = index % 2 * (width // 2), index // 2 * (height // 2)
        draw.rectangle((left, top, left + width // 2, top + height // 2), colour)
    return image


def corners(image: Image.Image) -> list[tuple[int, ...]]:
    """The colours in the middle of the four quadrants."""
    x, y = image.width // 4, image.height // 4
    places = [(x, y), (-1 - x, y), (x, -1 - y), (-1 - x, -1 - y)]
    rgb = image.convert("RGB")
    return [rgb.getpixel((x % image.width, y % image.height)) for x, y in places]


def close(colour: Iterable[int], wanted: Iterable[int], tolerance: int = 12) -> bool:
    """Whether two colours look the same; JPEG changes them a little."""
    return all(abs(a - b) <= tolerance for a, b in zip(colour, wanted, strict=True))


def turned(orientation: int, image_format: str = "JPEG", size: tuple[int, int] = (400, 300)) -> bytes:
    """Quadrants of `size` as a viewer sees them, stored the way EXIF's `orientation` describes."""
    image = quadrants(*size)
    for step in STORED[orientation]:
        image = image.transpose(step)
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "Camera"
    exif[ExifTags.Base.Orientation] = orientation
    return encoded(image, image_format, exif=exif.tobytes())


def photo(width: int = 4000, height: int = 3000, seed: int = 1, quality: int = 80) -> bytes:
    """A JPEG with the gradients and the grain of a photograph; another `seed`, another picture."""
    chance = random.Random(seed)
    small = Image.new("RGB", (8, 6))
    small.putdata([tuple(chance.randrange(256) for _ in "rgb") for _ in range(48)])
    grain = Image.frombytes("L", (256, 256), chance.randbytes(65536)).point(lambda level: level // 12)
    image = small.resize((width, height), Image.Resampling.BICUBIC)
    sheet = Image.new("L", image.size)
    for left in range(0, width, 256):
        for top in range(0, height, 256):
            sheet.paste(grain, (left, top))
    return encoded(ImageChops.add(image, Image.merge("RGB", [sheet] * 3)), "JPEG", quality=quality)


def animation(
    image_format: str,
    *,
    colours: Iterable[tuple[int, ...]] = (RED, BLUE),
    size: tuple[int, int] = (300, 200),
    **options: object,
) -> bytes:
    """A frame of each colour, the first red, the second blue, for 100 ms each."""
    first, *others = (Image.new("RGB", size, colour) for colour in colours)
    settings = {"duration": 100, **options}
    return encoded(first, image_format, save_all=True, append_images=others, **settings)


def half_transparent(mode: str) -> Image.Image:
    """Left half a solid black, right half nothing, above a colour that must not shine through."""
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 255))
    image.paste((0, 200, 0, 0), (150, 0, 300, 200))
    if mode == "P":
        return image.quantize(4)
    return image.convert(mode)


def colour_key(mode: str) -> bytes:
    """A PNG without an alpha channel, right half in the colour that its tRNS chunk declares transparent."""
    dark, key = {"1": (0, 1), "L": (0, 90), "RGB": ((0, 0, 0), (0, 200, 0)), "I;16": (0, 300)}[mode]
    image = Image.new(mode, (300, 200), dark)
    image.paste(Image.new(mode, (150, 200), key), (150, 0))
    transparency = {"1": 255, "I;16": 300}.get(mode, key)
    return encoded(image, "PNG", transparency=transparency)


def png(
    rows: list[bytes], width: int, bits: int, colour_type: int, *chunks: tuple[bytes, bytes], interlaced: bool = False
) -> bytes:
    """A PNG of these rows of packed pixels, interlaced only when each fills whole bytes; `chunks` come before them."""
    size = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[colour_type] * bits // 8
    header = struct.pack(">LLBBBBB", width, len(rows), bits, colour_type, 0, 0, interlaced)
    lines = [] if interlaced else rows
    for left, top, across, down in ADAM7 if interlaced else ():
        for row in rows[top::down]:
            pixels = [row[x * size : (x + 1) * size] for x in range(left, width, across)]
            lines += [b"".join(pixels)] if pixels else []
    data = zlib.compress(b"".join(b"\0" + line for line in lines))
    parts = [
        _chunk(b"IHDR", header),
        *(_chunk(*chunk) for chunk in chunks),
        _chunk(b"IDAT", data),
        _chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def ycck(image: Image.Image) -> bytes:
    """A CMYK picture as Photoshop writes it into a JPEG: the inks inverted, the first three as YCbCr."""
    *colours, black = image.split()
    inverted = [ImageChops.invert(plane) for plane in Image.merge("RGB", colours).convert("YCbCr").split()]
    data = encoded(Image.merge("CMYK", (*inverted, black)), "JPEG", quality=95)
    place = data.index(b"Adobe") + 11
    return data[:place] + b"\2" + data[place + 1 :]


def mpo() -> bytes:
    """Two JPEGs in one file, as phones write them; the first one shows quadrants."""
    return encoded(quadrants(), "MPO", save_all=True, append_images=[Image.new("RGB", (400, 300), "black")])


def plain_png(width: int, height: int, pixel: bytes = b"\x1e\xa0\x1e\xff") -> bytes:
    """A PNG of one RGBA colour, without ever holding its pixels: 50 megapixels take 200 KB."""
    packer = zlib.compressobj(1)
    row = b"\0" + pixel * width
    data = b"".join(packer.compress(row) for _ in range(height)) + packer.flush()
    header = struct.pack(">LLBBBBB", width, height, 8, 6, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", data) + _chunk(b"IEND", b"")


def gigapixel_gif() -> bytes:
    """44 bytes whose only frame lies so far outside the screen that the two span 4.4 gigapixels."""
    screen = b"GIF89a" + struct.pack("<HHBBB", 32, 32, 0x81, 0, 0) + bytes(12)
    return screen + b"," + struct.pack("<HHHHB", 1, 1069, 65534, 65532, 0) + b"\x02\x02\x44\x01\x00" + bytes(3) + b";"


def scan_bomb(scans: int) -> bytes:
    """A progressive JPEG with its last scan repeated: every one costs the decoder a pass over all pixels."""
    data = encoded(quadrants(), "JPEG", progressive=True)
    last = data[data.rindex(b"\xff\xda") : -2]
    return data[:-2] + last * (scans - data.count(b"\xff\xda")) + data[-2:]


def many_frames(image_format: str, frames: int, width: int, height: int) -> bytes:
    """An animation whose frames, up to 50 bytes each, all count as whole pictures."""
    first = Image.new("L", (width, height), 90)
    if image_format == "GIF":
        return encoded(first, "GIF")[:-1] + frames * _gif_frame(width, height) + b";"
    if image_format == "PNG":
        facts = ((number, width, height, 0, 0, 1, 10, 0, 0) for number in range(frames))
        control = b"".join(_chunk(b"fcTL", struct.pack(">LLLLLHHBB", *values)) for values in facts)
        return encoded(first, "PNG")[:-12] + control + _chunk(b"IEND", b"")
    still = encoded(Image.new("RGB", (1, 1)), "WEBP", lossless=True)[12:]
    one = bytes(6) + (0).to_bytes(3, "little") * 2 + (10).to_bytes(3, "little") + b"\0" + still
    canvas = b"\2\0\0\0" + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    parts = _riff(b"VP8X", canvas) + _riff(b"ANIM", bytes(6)) + frames * _riff(b"ANMF", one)
    return _riff(b"RIFF", b"WEBP" + parts)


def endless_gif(size: int = 4_800_000) -> bytes:
    """A GIF whose only frame goes on and on: blocks of one byte until the file is cut off."""
    start = b"GIF89a" + struct.pack("<HHBBB", 6000, 6000, 0x80, 0, 0) + bytes(6)
    return start + b"," + struct.pack("<HHHHB", 0, 0, 6000, 6000, 0) + b"\2" + b"\1\x24" * (size // 2)


def png_with(kind: bytes, start: bytes, megabytes: int = 2048) -> bytes:
    """A small picture with a chunk of metadata whose compressed part inflates to gigabytes; `IDAT`: the pixels do."""
    data = _chunk(kind, start + _inflating(megabytes))
    header = _chunk(b"IHDR", struct.pack(">LLBBBBB", 8, 8, 8, 2, 0, 0, 0))
    pixels = b"" if kind == b"IDAT" else _chunk(b"IDAT", zlib.compress((b"\0" + bytes(24)) * 8))
    return b"\x89PNG\r\n\x1a\n" + header + data + pixels + _chunk(b"IEND", b"")


def jpeg_with(marker: int, name: bytes, data: bytes, *, numbered: bool = False) -> bytes:
    """A picture with metadata of any size, in as many segments as that takes."""
    pieces = [data[start : start + 65_000] for start in range(0, len(data), 65_000)]
    segments = [
        name + (bytes((number, len(pieces))) if numbered else b"") + piece for number, piece in enumerate(pieces, 1)
    ]
    plain = encoded(quadrants(), "JPEG")
    lengths = (struct.pack(">BBH", 0xFF, marker, len(segment) + 2) for segment in segments)
    return plain[:2] + b"".join(map(bytes.__add__, lengths, segments)) + plain[2:]


def giant_profile(size: int = 4_000_000) -> bytes:
    """An ICC profile for sRGB with megabytes of nothing behind it."""
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes().ljust(size, b"\0")


def table_profile(points: int = 90, size: int = 4_300_000) -> bytes:
    """An ICC profile whose table has `points` points for each of three colours, as far as `size` bytes hold it."""
    identity = struct.pack(">9l", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    curves = struct.pack(">HHHHHHHH", 2, 2, *(0, 65535) * 3)
    chance = random.Random(1).randbytes(min(points**3 * 6, size))
    table = (
        b"mft2" + bytes(4) + bytes((3, 3, points, 0)) + identity + curves + chance + struct.pack(">6H", *(0, 65535) * 3)
    )
    name = b"desc" + bytes(4) + struct.pack(">L", 5) + b"test\0" + bytes(79)
    head = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()[:128])
    head[20:24] = b"Lab "
    places = struct.pack(">L4sLL4sLL", 2, b"desc", 156, len(name), b"A2B0", 156 + len(name), len(table))
    body = bytes(head[4:]) + places + name + table
    return struct.pack(">L", len(body) + 4) + body


def webp_of_two_sizes(width: int, height: int) -> bytes:
    """A WebP that claims to be much larger than the picture in it."""
    data = bytearray(turned(6, "WEBP"))
    data[24:30] = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return bytes(data)


def exif_bomb(size: int = 3_000_000) -> bytes:
    """A WebP whose EXIF has 60,000 entries that all point at the same megabytes: copied one by one, over 100 GB."""
    return encoded(quadrants(), "WEBP", exif=exif_of_copies(size))


def exif_of_copies(size: int = 3_000_000) -> bytes:
    """That EXIF."""
    entries = 60_000
    shared = 10 + 12 * entries
    directory = b"".join(struct.pack("<HHLL", tag, 7, size - shared, shared) for tag in range(1000, 1000 + entries))
    return (b"II*\0" + struct.pack("<LH", 8, entries) + directory).ljust(size, b"\0")


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">L", len(data)) + kind + data + struct.pack(">L", zlib.crc32(kind + data))


def _riff(kind: bytes, data: bytes) -> bytes:
    return kind + struct.pack("<L", len(data)) + data


def _gif_frame(width: int, height: int) -> bytes:
    return b"," + struct.pack("<HHHHB", 0, 0, width, height, 0) + b"\x02\x08\x84" + bytes(7) + b"\0"


def _inflating(megabytes: int) -> bytes:
    packer = zlib.compressobj(9)
    first, again = (packer.compress(bytes(1 << 20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    return first + again * (megabytes - 1) + packer.flush()


TRANSPARENT = {
    "PNG RGBA": encoded(half_transparent("RGBA"), "PNG"),
    "PNG LA": encoded(half_transparent("LA"), "PNG"),
    "PNG P": encoded(half_transparent("P"), "PNG"),
    "PNG 1, colour key": colour_key("1"),
    "PNG L, colour key": colour_key("L"),
    "PNG RGB, colour key": colour_key("RGB"),
    "PNG 16 bits, colour key": colour_key("I;16"),
    "GIF": encoded(half_transparent("RGBA"), "GIF"),
    "WebP": encoded(half_transparent("RGBA"), "WEBP", lossless=True, exact=True),
}
