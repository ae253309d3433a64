"""What becomes of the original: it stays, or it is replaced by one that may be handed out."""

import io
from pathlib import Path

import pytest
from PIL import Image

from imgs import metadata
from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import (
    QUADRANTS,
    animation,
    close,
    corners,
    encoded,
    photo,
    quadrants,
    turned,
)
from tests.profiles import DISPLAY_P3, in_srgb, matrix_profile


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_it_leaves_an_original_without_secrets_alone(bench: Bench) -> None:
    result = bench.run(photo(800, 600))
    assert (result.original, result.notes) == (None, ())
    assert [path.name for path in bench.folder.iterdir()] == ["compressed.jpg"]


@pytest.mark.parametrize(
    ("image_format", "name"), [("JPEG", "original.jpg"), ("PNG", "original.png"), ("WEBP", "original.webp")]
)
def test_it_hands_out_a_cleaned_original(bench: Bench, image_format: str, name: str) -> None:
    result = bench.run(turned(6, image_format))
    assert (result.original, result.notes) == (name, ())
    cleaned = (bench.folder / name).read_bytes()
    assert b"Camera" not in cleaned
    again = bench.run(cleaned)
    assert (again.original, again.width, again.height) == (None, 400, 300)
    assert all(map(close, corners(bench.made()), QUADRANTS))


def test_it_makes_a_full_jpeg_of_a_heic(bench: Bench) -> None:
    result = bench.run(heic(quadrants(800, 600), quarters=1))
    assert (result.original, result.notes) == ("original.jpg", ("original_reencoded",))
    whole = bench.decoded("original.jpg")
    assert (whole.format, whole.size) == ("JPEG", (result.width, result.height)) == ("JPEG", (600, 800))
    assert all(map(close, corners(whole), [QUADRANTS[place] for place in (1, 3, 0, 2)]))
    assert set(whole.info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert bench.run((bench.folder / "original.jpg").read_bytes()).original is None


def test_it_makes_a_full_jpeg_of_what_cannot_be_cleaned(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "clean", lambda data, image_format: None)
    data = turned(6, "PNG")
    result = bench.run(data)
    assert (result.original, result.notes) == ("original.jpg", ("original_reencoded",))
    assert all(map(close, corners(bench.decoded("original.jpg")), QUADRANTS))
    assert all(map(close, corners(bench.made()), QUADRANTS))
    result = bench.run(animation("GIF"))
    assert (result.is_animated, result.notes) == (True, ("original_reencoded",))
    assert close(bench.decoded("original.jpg").getpixel((9, 9)), QUADRANTS[0])
    result = bench.run(animation("GIF"), format="jpeg")
    assert result.notes == ("first_frame", "original_reencoded")


@pytest.mark.parametrize(
    ("data", "options"),
    [
        (photo(60, 40, quality=10), {"quality": 95}),
        (encoded(quadrants(60, 40), "WEBP", quality=10), {"quality": 95, "format": "webp"}),
        (encoded(quadrants(60, 40), "AVIF", quality=10), {"quality": 95, "format": "avif"}),
        (encoded(Image.new("L", (900, 600), 9), "WEBP", lossless=True), {"format": "webp"}),
    ],
    ids=["JPEG", "WebP", "AVIF", "larger than asked for"],
)
def test_it_keeps_the_bytes_of_an_original_that_is_not_made_smaller(
    bench: Bench, data: bytes, options: dict[str, object]
) -> None:
    result = bench.run(data, **options)
    assert result.notes == ("already_optimal",)
    assert (bench.folder / result.compressed).read_bytes() == data
    assert result.compressed_size == len(data)
    assert (result.compressed_width, result.compressed_height) == (result.width, result.height)


def test_it_keeps_the_cleaned_bytes_never_the_secrets(bench: Bench) -> None:
    data = encoded(Image.open(io.BytesIO(photo(120, 90))), "JPEG", quality=10, comment=b"secret")
    result = bench.run(data, quality=95)
    assert result.notes == ("already_optimal",)
    assert (result.compressed_width, result.compressed_height) == (120, 90)
    assert (bench.folder / result.compressed).read_bytes() == (bench.folder / "original.jpg").read_bytes() != data


def test_it_keeps_the_bytes_of_an_animation_that_is_not_made_smaller(bench: Bench) -> None:
    data = animation("WEBP", quality=1, size=(100, 80))
    result = bench.run(data, quality=100)
    assert (result.notes, result.is_animated) == (("already_optimal",), True)


@pytest.mark.parametrize("edit", [{"flip": True}, {"rotation": 90}, {"crop": (0, 0, 59, 40)}])
def test_it_never_keeps_the_bytes_when_the_picture_is_edited(bench: Bench, edit: dict[str, object]) -> None:
    result = bench.run(photo(60, 40, quality=10), quality=95, **edit)
    assert result.notes == ()


def test_it_takes_a_crop_of_the_whole_for_no_edit(bench: Bench) -> None:
    result = bench.run(photo(60, 40, quality=10), quality=95, crop=(0, 0, 60, 40))
    assert result.notes == ("already_optimal",)


def test_it_compares_with_the_same_type_only(bench: Bench) -> None:
    result = bench.run(encoded(Image.new("L", (60, 40), 9), "PNG"))
    assert (result.notes, result.compressed_type) == ((), "image/jpeg")


def test_it_converts_the_colours_of_the_full_jpeg_once(bench: Bench) -> None:
    result = bench.run(
        heic(Image.new("RGB", (400, 300), (200, 100, 100)), profile=matrix_profile(DISPLAY_P3)), quality=95
    )
    wanted = in_srgb((200, 100, 100), DISPLAY_P3)
    for name in ("original.jpg", result.compressed):
        assert close(bench.decoded(name).getpixel((75, 50)), wanted, tolerance=4)
