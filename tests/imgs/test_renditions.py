"""Several sizes for browsers to choose from, and what is shown before any of them is there."""

import base64
from pathlib import Path

import pytest
from PIL import Image
from thumbhash import thumb_hash_to_approximate_aspect_ratio, thumb_hash_to_average_rgba

from imgs.compression import Rendition
from tests.imgs.compressing import Bench
from tests.pictures import (
    QUADRANTS,
    animation,
    close,
    corners,
    encoded,
    half_transparent,
    photo,
    quadrants,
    turned,
)
from tests.profiles import DISPLAY_P3, in_srgb, matrix_profile


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("size", "widths"),
    [
        ((4000, 3000), [1920, 1280, 640, 320]),
        ((1920, 1080), [1920, 1280, 640, 320]),
        ((1921, 1080), [1920, 1280, 640, 320]),
        ((1000, 3000), [1000, 640, 320]),
        ((500, 400), [500, 320]),
        ((320, 200), [320]),
        ((9, 9), [9]),
        ((1, 1), [1]),
    ],
)
def test_it_makes_the_usual_widths_and_the_own(bench: Bench, size: tuple[int, int], widths: list[int]) -> None:
    renditions = bench.renditions(encoded(Image.new("L", size, 90), "PNG"))
    assert [rendition.width for rendition in renditions] == widths
    for rendition in renditions:
        made = bench.decoded(rendition.name)
        height = max(1, round(size[1] * rendition.width / size[0]))
        size_on_disk = (bench.folder / rendition.name).stat().st_size
        assert rendition == Rendition(rendition.name, rendition.width, height, size_on_disk)
        assert (made.format, made.size) == ("WEBP", (rendition.width, height))


def test_it_makes_renditions_of_the_edited_picture(bench: Bench) -> None:
    renditions = bench.renditions(turned(6, size=(800, 600)), crop=(0, 0, 400, 600), rotation=90)
    assert [(rendition.width, rendition.height) for rendition in renditions] == [(600, 400), (320, 213)]
    for rendition in renditions:
        shown = corners(bench.decoded(rendition.name))
        assert all(map(close, shown, [QUADRANTS[place] for place in (2, 0, 2, 0)]))


def test_it_writes_neither_metadata_nor_profile_into_them(bench: Bench) -> None:
    data = encoded(
        Image.new("RGB", (700, 500), (200, 100, 100)),
        "JPEG",
        exif=turned(1).partition(b"Exif\0\0")[2][:60],
        comment="my secret place",
        icc_profile=matrix_profile(DISPLAY_P3),
        quality=95,
    )
    for rendition in bench.renditions(data):
        written = (bench.folder / rendition.name).read_bytes()
        assert written[12:16] == b"VP8 "  # nothing but a picture
        assert close(bench.decoded(rendition.name).getpixel((9, 9)), in_srgb((200, 100, 100), DISPLAY_P3), 5)


def test_it_names_them_in_the_folder_that_it_was_given(bench: Bench) -> None:
    names = {rendition.name for rendition in bench.renditions(photo(1000, 700))}
    assert {path.name for path in bench.folder.iterdir()} == names


@pytest.mark.parametrize("size", [(1600, 1200), (600, 1200), (3, 2), (1, 1), (4000, 3), (3, 4000)])
def test_it_keeps_the_shape_in_the_placeholder(bench: Bench, size: tuple[int, int]) -> None:
    placeholder = base64.b64decode(bench.run(encoded(quadrants(*size), "PNG")).placeholder)
    assert len(placeholder) <= 28
    ratio = thumb_hash_to_approximate_aspect_ratio(list(placeholder))
    assert ratio == pytest.approx(min(7, max(1 / 7, size[0] / size[1])), rel=0.2)


def test_it_has_the_average_colour_in_the_placeholder(bench: Bench) -> None:
    placeholder = base64.b64decode(bench.run(encoded(Image.new("RGB", (400, 300), (200, 90, 30)), "PNG")).placeholder)
    average = [round(level * 255) for level in thumb_hash_to_average_rgba(list(placeholder))]
    assert close(average, (200, 90, 30, 255))


@pytest.mark.parametrize("data", [encoded(half_transparent("RGBA"), "PNG"), encoded(half_transparent("LA"), "PNG")])
def test_it_lays_a_transparent_picture_on_white_for_the_placeholder(bench: Bench, data: bytes) -> None:
    opaque = Image.new("L", (300, 200), 255)
    opaque.paste(0, (0, 0, 150, 200))
    wanted = bench.run(encoded(opaque, "PNG")).placeholder
    for output in ("jpeg", "webp"):
        assert bench.run(data, format=output).placeholder == wanted


def test_it_shows_the_first_frame_in_the_placeholder(bench: Bench) -> None:
    first = bench.run(encoded(Image.new("RGB", (300, 200), (220, 30, 30)), "PNG")).placeholder
    assert bench.run(animation("GIF")).placeholder[:3] == first[:3]
