"""Taking what is private out of a picture file: it is gone from the bytes, and the picture is the same."""

import io
import struct
import subprocess
import sys
from collections.abc import Callable

import pytest
from PIL import ExifTags, Image

from imgs.metadata import clean
from tests.pictures import encoded
from tests.private_pictures import (
    PLACES,
    PRIVATE,
    SECRET,
    animated_gif,
    avif_with_extents,
    box,
    private_avif,
    private_exif,
    private_gif,
    private_jpeg,
    private_png,
    private_webp,
    shown,
)

CASES = pytest.mark.parametrize(("image_format", "data"), PRIVATE.values(), ids=PRIVATE)


@CASES
def test_it_leaves_nothing_private(image_format: str, data: bytes) -> None:
    assert SECRET in data or PLACES[0] in data or PLACES[1] in data
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert SECRET not in cleaned
    assert not any(place in cleaned for place in PLACES)


@CASES
def test_it_leaves_the_picture_as_it_was(image_format: str, data: bytes) -> None:
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert shown(cleaned, image_format) == shown(data, image_format)


@CASES
def test_it_hands_back_the_very_file_that_has_nothing_private(image_format: str, data: bytes) -> None:
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert clean(cleaned, image_format) is cleaned


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("image_format", "make"), [("JPEG", private_jpeg), ("PNG", private_png), ("WEBP", private_webp)]
)
def test_it_keeps_the_way_up_and_no_other_tag(
    image_format: str, make: Callable[[int], bytes], orientation: int
) -> None:
    cleaned = clean(make(orientation), image_format)
    exif = Image.open(io.BytesIO(cleaned)).getexif()
    assert dict(exif) == ({ExifTags.Base.Orientation: orientation} if orientation > 1 else {})
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("case", ["AVIF", "AVIF, sequence"])
def test_it_moves_nothing_in_an_avif(case: str) -> None:
    data = PRIVATE[case][1]
    cleaned = clean(data, "AVIF")
    assert len(cleaned) == len(data.removesuffix(b"JUNK-4711"))
    assert {after for before, after in zip(data, cleaned, strict=False) if before != after} <= {0, *b"free"}


def test_it_keeps_the_way_up_of_an_avif() -> None:
    cleaned = clean(private_avif(6), "AVIF")
    assert dict(Image.open(io.BytesIO(cleaned)).getexif()) == {ExifTags.Base.Orientation: 6}


@pytest.mark.parametrize("transform", [0, 2])
def test_it_keeps_the_colours_that_adobe_says_a_jpeg_has(transform: int) -> None:
    image = Image.linear_gradient("L").resize((64, 64)).convert("CMYK")
    data = encoded(image, "JPEG", exif=private_exif(), comment="NOTE-4711")
    data = data.replace(b"Adobe\0d\0\0\0\0\0", b"Adobe\0d\0\0\0\0" + bytes((transform,)))
    cleaned = clean(data, "JPEG")
    assert SECRET not in cleaned
    assert shown(cleaned, "JPEG") == shown(data, "JPEG")


def test_it_keeps_the_profile_and_the_loops_of_a_gif() -> None:
    cleaned = clean(private_gif(animated_gif()), "GIF")
    assert b"ICCRGBG1012\x07PROFILE\0" in cleaned
    assert b"NETSCAPE2.0\x03\x01\x03\0\0" in cleaned


def test_it_cleans_a_jpeg_that_is_cut_off() -> None:
    data = private_jpeg(progressive=True)
    cut = data[: data.index(b"SECOND") - 300]
    cleaned = clean(cut, "JPEG")
    assert SECRET not in cleaned
    assert cleaned.endswith(cut[-200:])


def test_it_cleans_a_gif_that_is_cut_off() -> None:
    whole = animated_gif()
    data = private_gif(whole)
    cut = data[: data.index(whole[-100:-1]) + 50]
    cleaned = clean(cut, "GIF")
    assert SECRET not in cleaned
    assert cleaned.endswith(cut[-50:])


def test_it_cleans_a_png_that_is_cut_off() -> None:
    data = private_png()
    cut = data[: data.rindex(b"IDAT") + 30]
    cleaned = clean(cut, "PNG")
    assert SECRET not in cleaned
    assert cleaned.endswith(cut[-30:])


def test_it_ends_a_jpeg_whose_scan_something_else_had_ended() -> None:
    data = encoded(Image.radial_gradient("L"), "JPEG")
    broken = data[:-200] + b"\xff\xe7\xff\0" + data[-200:-2] + SECRET
    cleaned = clean(broken, "JPEG")
    assert SECRET not in cleaned
    assert shown(cleaned, "JPEG") == shown(broken, "JPEG")


def test_it_blanks_whatever_no_picture_in_an_avif_uses() -> None:
    cleaned = clean(avif_with_extents(100), "AVIF")
    assert cleaned.endswith(b"x" * 100 + bytes(22))


@pytest.mark.parametrize(
    ("sizes", "frames"),
    [
        (struct.pack(">LLLLLL", 0, 0, 3, 10, 20, 30), "x" * 30 + "-" * 30 + "x" * 30 + "-" * 30),
        (struct.pack(">LLL", 0, 25, 3), "x" * 50 + "-" * 10 + "x" * 25 + "-" * 35),
    ],
    ids=["each its own size", "all the same size"],
)
@pytest.mark.parametrize(("kind", "number"), [(b"stco", "L"), (b"co64", "Q")])
def test_it_keeps_the_frames_of_a_sequence_and_nothing_between(
    sizes: bytes, frames: str, kind: bytes, number: str
) -> None:
    start = box(b"ftyp", b"avis" + bytes(4))
    first = len(start) + 8
    runs = struct.pack(">LLLLLLLL", 0, 2, 1, 2, 1, 2, 1, 1)  # two frames in the first chunk, one in the second
    chunks = struct.pack(f">LL2{number}", 0, 2, first, first + 60)
    tables = box(b"stsz", sizes) + box(b"stsc", runs) + box(kind, chunks)
    end = box(b"moov", box(b"trak", box(b"mdia", box(b"minf", box(b"stbl", tables)))))
    cleaned = clean(start + box(b"mdat", b"x" * 120) + end, "AVIF")
    assert cleaned == start + box(b"mdat", frames.encode().replace(b"-", b"\0")) + end


def test_it_needs_neither_django_nor_pillow() -> None:
    code = "import sys, imgs.metadata; print({'django', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "set()"
