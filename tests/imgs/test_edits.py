"""Crop, then flip, then rotation, applied to the upright picture, whichever way it lies in the file."""

from pathlib import Path

import pytest
from PIL import Image

from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import BLUE, GREEN, QUADRANTS, RED, YELLOW, close, corners, encoded, photo, quadrants, turned


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize(
    ("image_format", "orientation"), [*(("JPEG", number) for number in range(1, 9)), ("PNG", 6), ("AVIF", 7)]
)
@pytest.mark.parametrize(
    ("edit", "size", "order"),
    [
        ({}, (1200, 800), (0, 1, 2, 3)),
        ({"flip": True}, (1200, 800), (1, 0, 3, 2)),
        ({"rotation": 90}, (800, 1200), (2, 0, 3, 1)),
        ({"rotation": 180}, (1200, 800), (3, 2, 1, 0)),
        ({"rotation": 270}, (800, 1200), (1, 3, 0, 2)),
        ({"flip": True, "rotation": 90}, (800, 1200), (3, 1, 2, 0)),
        ({"crop": (300, 200, 600, 400)}, (600, 400), (0, 1, 2, 3)),
        ({"crop": (0, 0, 600, 400), "rotation": 90}, (400, 600), (0, 0, 0, 0)),
        ({"crop": (600, 0, 600, 800), "flip": True}, (600, 800), (1, 1, 3, 3)),
        ({"crop": (0, 400, 1200, 400), "rotation": 270}, (400, 1200), (3, 3, 2, 2)),
    ],
    ids=str,
)
def test_it_shows_what_the_edit_asks_for(
    bench: Bench,
    edit: dict[str, object],
    size: tuple[int, int],
    order: tuple[int, ...],
    image_format: str,
    orientation: int,
) -> None:
    result = bench.run(turned(orientation, image_format, size=(1200, 800)), width=120, **edit)
    assert (result.width, result.height) == (1200, 800)
    assert (result.compressed_width, result.compressed_height) == (120, round(120 * size[1] / size[0]))
    assert all(map(close, corners(bench.made()), [QUADRANTS[place] for place in order]))


def test_it_cuts_at_the_very_pixel(bench: Bench) -> None:
    image = Image.new("RGB", (400, 300), GREEN)
    image.paste(RED, (101, 51, 141, 81))
    for data in (encoded(image, "PNG"), encoded(image, "WEBP", lossless=True)):
        result = bench.run(data, width=4096, crop=(101, 51, 40, 30), format="webp", quality=100)
        assert (result.compressed_width, result.compressed_height) == (40, 30)
        small = bench.made()
        assert all(close(small.getpixel(place), RED) for place in [(0, 0), (39, 0), (0, 29), (39, 29)])


def test_it_cuts_a_jpeg_that_is_decoded_small_at_nearly_the_pixel(bench: Bench) -> None:
    image = Image.new("RGB", (4000, 3000), GREEN)
    image.paste(RED, (1000, 500, 3003, 2003))
    small = bench.small(encoded(image, "JPEG", quality=95), crop=(1000, 500, 2003, 1503), quality=95)
    assert small.size == (150, 113)
    assert all(close(small.getpixel(place), RED) for place in [(1, 1), (148, 1), (1, 111), (148, 111)])


def test_it_never_enlarges_what_was_cut_out(bench: Bench) -> None:
    result = bench.run(encoded(quadrants(), "PNG"), crop=(10, 10, 60, 20), rotation=90)
    assert (result.compressed_width, result.compressed_height) == (20, 60)


@pytest.mark.parametrize(
    ("crop", "size"),
    [
        ((-50, -50, 150, 100), (100, 50)),
        ((390, 290, 100, 100), (10, 10)),
        ((900, 900, 10, 10), (1, 1)),
        ((0, 0, 1, 1), (1, 1)),
    ],
)
def test_it_leaves_out_what_lies_outside_the_picture(
    bench: Bench, crop: tuple[int, int, int, int], size: tuple[int, int]
) -> None:
    result = bench.run(encoded(quadrants(), "PNG"), crop=crop)
    assert (result.compressed_width, result.compressed_height) == size


def test_it_edits_a_heic_as_it_is_seen(bench: Bench) -> None:
    result, renditions = bench.edit(heic(quadrants(), quarters=1), crop=(0, 0, 300, 200), flip=True)
    assert (result.width, result.height, result.original) == (300, 400, "original.jpg")
    assert bench.decoded("original.jpg").size == (300, 400)
    assert all(map(close, corners(bench.decoded("original.jpg")), (GREEN, YELLOW, RED, BLUE)))
    for name in (result.compressed, renditions[0].name):
        assert all(map(close, corners(bench.decoded(name)), (YELLOW, GREEN, YELLOW, GREEN)))


def test_it_makes_the_same_in_one_go_as_in_two(bench: Bench) -> None:
    data, options = photo(2400, 1600), {"crop": (200, 100, 2100, 1400), "rotation": 90, "quality": 90}
    result, renditions = bench.edit(data, **options)
    once = {name: bench.decoded(name) for name in [result.compressed, *(r.name for r in renditions)]}
    again = bench.run(data, **options)
    assert [(r.name, r.width, r.height) for r in bench.renditions(data, **options)] == [
        (r.name, r.width, r.height) for r in renditions
    ]
    assert (again.compressed, again.compressed_width) == (result.compressed, result.compressed_width)
    for name, image in once.items():
        other = bench.decoded(name)
        assert image.size == other.size
        assert all(map(close, corners(image), corners(other)))


def test_it_lets_an_edit_ask_for_more_than_the_renditions_have(bench: Bench) -> None:
    result, renditions = bench.edit(photo(2400, 1600), width=2400, format="webp")
    assert result.compressed_width == 2400
    assert [rendition.width for rendition in renditions] == [1920, 1280, 640, 320]
