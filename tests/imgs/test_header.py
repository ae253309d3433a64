"""Reading the head of a picture file: quick and safe on anything, whatever it claims."""

import io
import struct
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgs.header import MAX_READS, UnreadableImage, UnsupportedType, read_header
from tests.heic import heic
from tests.pictures import (
    OTHER_TYPES,
    animation,
    encoded,
    exif_bomb,
    gigapixel_gif,
    photo,
    plain_png,
    quadrants,
    turned,
)

TYPES = [
    ("JPEG", "image/jpeg", ".jpg"),
    ("PNG", "image/png", ".png"),
    ("GIF", "image/gif", ".gif"),
    ("WEBP", "image/webp", ".webp"),
    ("AVIF", "image/avif", ".avif"),
]
SIGNATURES = [
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"GIF89a",
    b"RIFF\x24\0\0\0WEBP",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x40meta\0\0\0\0",
]
HEADS = {  # each up to where the pixels start
    "JPEG": lambda data: data[: data.index(b"\xff\xda") + 5],
    "PNG": lambda data: data[: data.index(b"IDAT") + 4],
    "GIF": lambda data: data[: data.index(b",", 13 + 3 * 4) + 9],
    "WEBP": lambda data: data[:30],
    "AVIF": lambda data: data[: data.index(b"mdat") - 4],
}


FTYP = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"


class CountingFile(io.BytesIO):
    """A file that knows how much was read from it."""

    reads = 0
    bytes_read = 0

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(size)
        self.reads += 1
        self.bytes_read += len(data)
        return data


@pytest.mark.parametrize(("image_format", "content_type", "extension"), TYPES)
def test_it_tells_type_and_size(image_format: str, content_type: str, extension: str) -> None:
    header = read_header(io.BytesIO(encoded(quadrants(321, 123), image_format)))
    assert (header.format, header.content_type, header.extension) == (image_format, content_type, extension)
    assert (header.width, header.height) == (321, 123)


@pytest.mark.parametrize("options", [{"lossless": True}, {"quality": 10}, {"exif": Image.Exif().tobytes()}])
def test_it_reads_every_kind_of_webp(options: dict[str, object]) -> None:
    header = read_header(io.BytesIO(encoded(quadrants(321, 123), "WEBP", **options)))
    assert (header.width, header.height, header.orientation) == (321, 123, 1)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("kind", "code"), [(1, "B"), (3, "H"), (4, "L"), (8, "h"), (9, "l")])
def test_it_reads_an_orientation_of_any_whole_number(order: str, kind: int, code: str) -> None:
    start = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(order + "LH", 8, 1)
    value = struct.pack(order + code, 6).ljust(4, b"\0")
    exif = b"Exif\0\0" + start + struct.pack(order + "HHL", 0x0112, kind, 1) + value + bytes(4)
    header = read_header(io.BytesIO(encoded(quadrants(), "JPEG", exif=exif)))
    assert (header.orientation, header.width, header.height) == (6, 300, 400)


def test_it_takes_the_last_orientation_that_makes_sense() -> None:
    entries = [struct.pack(">HHLHxx", 0x0112, 3, 1, value) for value in (8, 6, 9)]
    exif = b"Exif\0\0MM\0*" + struct.pack(">LH", 8, len(entries)) + b"".join(entries) + bytes(4)
    assert read_header(io.BytesIO(encoded(quadrants(), "JPEG", exif=exif))).orientation == 6


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_tells_the_size_a_viewer_sees(image_format: str, orientation: int) -> None:
    header = read_header(io.BytesIO(turned(orientation, image_format, size=(400, 300))))
    assert (header.width, header.height, header.orientation) == (400, 300, orientation)
    assert header.stored_size == ((300, 400) if orientation >= 5 else (400, 300))


@pytest.mark.parametrize(
    ("transforms", "size"),
    [
        ({}, (400, 300)),
        ({"quarters": 1}, (300, 400)),
        ({"quarters": 2}, (400, 300)),
        ({"quarters": 3, "mirror": 1}, (300, 400)),
        ({"mirror": 0}, (400, 300)),
        ({"clap": (380, 290)}, (380, 290)),
        ({"clap": (380, 290), "quarters": 1}, (290, 380)),
        ({"tile": 128}, (400, 300)),
        ({"alpha": Image.new("L", (400, 300), 9)}, (400, 300)),
    ],
    ids=str,
)
def test_it_tells_the_size_that_the_decoder_makes_of_a_heic(
    transforms: dict[str, object], size: tuple[int, int]
) -> None:
    header = read_header(io.BytesIO(heic(quadrants(), **transforms)))
    assert (header.format, header.content_type, header.extension) == ("HEIF", "image/heic", ".heic")
    assert (header.width, header.height, header.orientation) == (*size, 1)
    assert header.stored_size == size


BRANDS = [
    (b"heic\0\0\0\0mif1heic", "HEIF"),
    (b"heix\0\0\0\0mif1heix", "HEIF"),
    (b"mif1\0\0\0\0mif1heic", "HEIF"),
    (b"mif1\0\0\0\0mif1miaf", "HEIF"),
    (b"msf1\0\0\0\0msf1hevcmif1heic", "HEIF"),
    (b"avif\0\0\0\0avifmif1", "AVIF"),
    (b"mif1\0\0\0\0mif1avifmiaf", "AVIF"),
    (b"heic\0\0\0\0", "HEIF"),
]


@pytest.mark.parametrize(("brands", "image_format"), BRANDS, ids=repr)
def test_it_tells_avif_from_heif_by_all_brands(brands: bytes, image_format: str) -> None:
    assert read_header(io.BytesIO(heic(quadrants(), brands=brands))).format == image_format


def test_it_asks_the_codec_where_brands_leave_it_open() -> None:
    data = encoded(quadrants(), "AVIF").replace(b"avif", b"mif1")
    assert read_header(io.BytesIO(data)).format == "AVIF"


def test_it_takes_the_size_of_a_sequence_from_its_track() -> None:
    data = animation("AVIF", size=(320, 200))
    assert data[8:12] == b"avis"
    header = read_header(io.BytesIO(data))
    assert (header.format, header.width, header.height) == ("AVIF", 320, 200)


def test_it_finds_the_description_behind_the_pixels() -> None:
    data = heic(quadrants())
    start, end = data.index(b"meta") - 4, data.index(b"mdat") - 4
    header = read_header(io.BytesIO(data[:start] + data[end:] + data[start:end]))
    assert (header.width, header.height) == (400, 300)


def test_it_knows_a_progressive_jpeg() -> None:
    assert read_header(io.BytesIO(encoded(quadrants(), "JPEG", progressive=True))).progressive
    assert not read_header(io.BytesIO(encoded(quadrants(), "JPEG"))).progressive


def test_it_passes_over_junk_between_the_parts_of_a_jpeg() -> None:
    data = turned(6)
    header = read_header(io.BytesIO(data[:20] + b"junk\xff\0\xff\xff\xff" + data[20:]))
    assert (header.width, header.height, header.orientation) == (400, 300, 6)


def test_it_reads_only_the_head_of_a_photograph() -> None:
    file = CountingFile(photo(2000, 1500))
    read_header(file)
    assert file.bytes_read < 10_000


def test_it_reports_the_size_that_the_first_frame_of_a_gif_stretches() -> None:
    data = gigapixel_gif()
    header = read_header(io.BytesIO(data))
    assert len(data) == 44
    assert header.width * header.height > 4_000_000_000


@pytest.mark.parametrize("case", OTHER_TYPES)
def test_it_calls_every_other_type_unsupported(case: str) -> None:
    with pytest.raises(UnsupportedType):
        read_header(io.BytesIO(OTHER_TYPES[case]))


@pytest.mark.parametrize("image_format", HEADS)
def test_it_calls_a_header_cut_anywhere_unreadable(image_format: str) -> None:
    head = HEADS[image_format](encoded(quadrants(), image_format))
    for length in range(12, len(head)):
        with pytest.raises(UnreadableImage):
            read_header(io.BytesIO(head[:length]))


def jpeg_with_frame(marker: int, bits: int, height: int, width: int) -> bytes:
    return b"\xff\xd8\xff" + struct.pack(">BHBHHB", marker, 8, bits, height, width, 0) + b"\xff\xda\0\x08\x03\0\0\0\0\0"


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with_frame(0xC1, 12, 9, 9),
        jpeg_with_frame(0xC3, 8, 9, 9),
        jpeg_with_frame(0xC5, 8, 9, 9),
        heic(quadrants(64, 64)).replace(b"hvc1", b"j2k1"),
    ],
    ids=["12 bits", "lossless", "hierarchical", "JPEG 2000 in a HEIF"],
)
def test_it_calls_what_nobody_decodes_unsupported_and_not_broken(data: bytes) -> None:
    with pytest.raises(UnsupportedType):
        read_header(io.BytesIO(data))


@pytest.mark.parametrize("before", [True, False])
def test_it_finds_the_way_up_of_a_png_before_and_behind_its_pixels(before: bool) -> None:
    data = turned(6, "PNG", size=(40, 30))
    start = data.index(b"eXIf") - 4
    end = start + 12 + int.from_bytes(data[start : start + 4], "big")
    place = data.index(b"IDAT" if before else b"IEND") - 4
    if place < start:
        moved = data[:place] + data[start:end] + data[place:start] + data[end:]
    else:
        moved = data[:start] + data[end:place] + data[start:end] + data[place:]
    header = read_header(io.BytesIO(moved))
    assert (header.width, header.height, header.orientation) == (40, 30, 6)


@pytest.mark.parametrize(
    "data",
    [
        jpeg_with_frame(0xC0, 8, 0, 9),
        jpeg_with_frame(0xC0, 8, 9, 0),
        jpeg_with_frame(0xC0, 9, 9, 9),
        b"\xff\xd8\xff\xd9" + bytes(20),
        b"\xff\xd8\xff\xe0\0\1" + bytes(20),
        plain_png(9, 9).replace(b"\0\0\0\x09", b"\0\0\0\x08", 1),
        plain_png(9, 9).replace(b"IDAT", b"IEND"),
        b"GIF89a\x09\0\x09\0\0\0\0;",
        encoded(quadrants(), "WEBP").replace(b"\x9d\x01\x2a", b"\0\0\0"),
        encoded(quadrants(), "WEBP", lossless=True).replace(b"\x2f", b"\0", 1),
        b"RIFF\x24\0\0\0WEBPVP8?" + bytes(30),
        heic(quadrants()).replace(b"ispe", b"nope"),
        heic(quadrants()).replace(b"pitm", b"nope"),
        heic(quadrants()).replace(b"ipma\0\0\0\1", b"ipma\1\0\0\0"),
        heic(quadrants()).replace(struct.pack(">LL", 400, 300), bytes(8)),
        heic(quadrants(), clap=(400, 300)).replace(struct.pack(">4L", 400, 1, 300, 1), bytes(16)),
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic\0\0\0\x01meta" + b"\xff" * 8 + bytes(60),
    ],
    ids=lambda data: repr(data[:24]),
)
def test_it_calls_a_header_without_sense_unreadable(data: bytes) -> None:
    with pytest.raises(UnreadableImage):
        read_header(io.BytesIO(data))


@pytest.mark.parametrize(
    "data",
    [
        b"\xff" * 5_000_000,
        b"\xff\xd8" + b"\xff\xe0\0\2" * 1_000_000,
        b"\xff\xd8\xff" + b"\xe1" * 5_000_000,
        b"\xff\xd8\xff\xe1\0\0" + b"x" * 5_000_000,
        b"\x89PNG\r\n\x1a\n" + plain_png(1, 1)[8:33] + (b"\0\0\0\0tEXt" + bytes(4)) * 400_000,
        b"GIF89a\x09\0\x09\0\0\0\0!\xfe" + b"\1x" * 2_000_000,
        b"RIFF\x24\0\0\0WEBPVP8X\x0a\0\0\0\x08\0\0\0\x09\0\0\x09\0\0" + b"ABCD\0\0\0\0" * 500_000,
        exif_bomb(),
        FTYP + b"\0\0\0\x08free" * 600_000,
        FTYP + struct.pack(">L4s4x", 4_000_000, b"meta") + b"\0\0\0\x08free" * 500_000,
        FTYP + struct.pack(">L4s4x", 128_000, b"meta") + b"\0\0\0\x08free" * 16_000,
    ],
    ids=[
        "fill bytes",
        "segments",
        "no marker",
        "no length",
        "chunks",
        "comments",
        "webp chunks",
        "EXIF",
        "boxes",
        "a large description",
        "a full description",
    ],
)
def test_it_reads_little_of_a_header_made_to_take_long(data: bytes) -> None:
    file = CountingFile(data.replace(b"\xff\xff\xff", b"\xff\xd8\xff", 1))
    try:
        header = read_header(file)
    except UnreadableImage:
        header = None
    assert header is None or header.format == "WEBP"
    assert file.reads <= MAX_READS + 2
    assert file.bytes_read < 200_000


@given(signature=st.sampled_from(SIGNATURES), rest=st.binary(max_size=200))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_it_raises_nothing_else_on_any_bytes(signature: bytes, rest: bytes) -> None:
    try:
        header = read_header(io.BytesIO(signature + rest))
    except (UnreadableImage, UnsupportedType):
        return
    assert header.width > 0
    assert header.height > 0


def test_it_needs_neither_django_nor_pillow() -> None:
    code = "import sys, imgs.header; print({'django', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "set()"
