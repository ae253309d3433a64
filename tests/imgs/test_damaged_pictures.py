"""A broken picture is refused with a reason that is true, whatever is broken; nothing else ever comes out."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from imgs.compression import CompressionError, Options, Rendition, Result, edit
from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import (
    QUADRANTS,
    TRANSPARENT,
    animation,
    close,
    corners,
    encoded,
    half_transparent,
    mpo,
    photo,
    png,
    quadrants,
    turned,
)
from tests.profiles import profile_with_red_and_green_exchanged

PROFILE = profile_with_red_and_green_exchanged()
SMALL = quadrants(96, 64)
SOUND: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(SMALL, "JPEG", icc_profile=PROFILE),
    "JPEG with EXIF": lambda: turned(6, size=(96, 64)),
    "JPEG of a photograph": lambda: photo(160, 120),
    "progressive JPEG": lambda: encoded(SMALL, "JPEG", progressive=True),
    "CMYK JPEG": lambda: encoded(SMALL.convert("CMYK"), "JPEG"),
    "MPO": mpo,
    "PNG": lambda: encoded(SMALL, "PNG", icc_profile=PROFILE),
    "PNG with palette": lambda: TRANSPARENT["PNG P"],
    "PNG with 16 bits": lambda: TRANSPARENT["PNG 16 bits, colour key"],
    "interlaced PNG": lambda: png([bytes(range(96))] * 64, 96, 8, 0, interlaced=True),
    "APNG": lambda: animation("PNG", size=(96, 64)),
    "GIF": lambda: encoded(SMALL, "GIF"),
    "animated GIF": lambda: animation("GIF", size=(96, 64)),
    "WebP": lambda: encoded(SMALL, "WEBP", icc_profile=PROFILE),
    "lossless WebP": lambda: encoded(half_transparent("RGBA"), "WEBP", lossless=True),
    "animated WebP": lambda: animation("WEBP", size=(96, 64)),
    "AVIF": lambda: encoded(SMALL, "AVIF", icc_profile=PROFILE),
    "transparent AVIF": lambda: encoded(half_transparent("RGBA"), "AVIF"),
    "animated AVIF": lambda: animation("AVIF", size=(96, 64)),
    "HEIC": lambda: heic(SMALL, quarters=1, profile=PROFILE),
    "HEIC in tiles": lambda: heic(SMALL, tile=64, alpha=Image.new("L", SMALL.size, 99), mirror=1),
}
CODES = {None, "damaged_image", "unsupported_type", "too_many_pixels", "too_complex"}
NOT_THE_REST = {"MPO"}  # half of it is a whole JPEG


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture(scope="module")
def sound() -> dict[str, bytes]:
    return {case: make() for case, make in SOUND.items()}


@pytest.mark.parametrize("lost", [4, 6, 8, 10])
def test_it_shows_a_png_that_lacks_nothing_but_its_last_bytes(bench: Bench, lost: int) -> None:
    small = bench.small(encoded(quadrants(), "PNG")[:-lost])
    assert all(close(*pair) for pair in zip(corners(small), QUADRANTS, strict=True))


def test_it_shows_a_png_with_two_palettes(bench: Bench) -> None:
    palette = b"PLTE", bytes((200, 30, 30, 30, 30, 200))
    small = bench.small(png([bytes(100) + bytes([1]) * 100] * 100, 200, 8, 3, palette, palette)).convert("RGB")
    assert close(small.getpixel((30, 30)), (200, 30, 30))
    assert close(small.getpixel((120, 30)), (30, 30, 200))


@pytest.mark.parametrize("case", sorted(SOUND.keys() - NOT_THE_REST))
def test_it_calls_half_a_picture_damaged(bench: Bench, case: str) -> None:
    data = SOUND[case]()
    half = data[: len(data) // 2]
    if case in ("animated GIF", "APNG"):
        half = data[: data.index(b"\x2c\0\0\0\0" if case == "animated GIF" else b"IDAT") + 12]
    assert bench.code(half) == "damaged_image"


def test_it_calls_garbage_behind_a_signature_damaged(bench: Bench) -> None:
    assert bench.code(b"\xff\xd8\xff\xe0" + bytes(range(256)) * 40) == "damaged_image"
    assert bench.code(b"\0\0\0\x18ftypheic" + bytes(16) + bytes(range(256)) * 40) == "damaged_image"


def test_it_calls_a_picture_too_complex_when_its_decoder_wants_too_much_memory(bench: Bench) -> None:
    assert bench.code(heic(quadrants(640, 480), clap=(8, 8))) == "too_complex"  # much is decoded for little


def test_it_passes_over_what_comes_before_the_picture_and_is_broken(bench: Bench) -> None:
    broken_profile, broken_text = (b"iCCP", b"name\0\x09no zlib"), (b"zTXt", b"Comment\0\0no zlib")
    unfinished_animation = (b"acTL", bytes(8))
    for chunk in (broken_profile, broken_text, unfinished_animation):
        result = bench.run(png([bytes(range(96))] * 64, 96, 8, 0, chunk))
        assert (result.width, result.height) == (96, 64)


@pytest.mark.parametrize("case", SOUND)
@given(data=st.data())
@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_it_has_a_result_or_a_reason_for_every_damage(
    tmp_path: Path, sound: dict[str, bytes], case: str, data: st.DataObject
) -> None:
    damaged = bytearray(sound[case])
    near = st.one_of(st.integers(0, min(400, len(damaged) - 1)), st.integers(0, len(damaged) - 1))
    for place in data.draw(st.lists(near, max_size=6)):
        damaged[place] = data.draw(st.integers(0, 255))
    if data.draw(st.booleans()):
        del damaged[data.draw(st.integers(0, len(damaged))) :]
    options = Options(
        width=64,
        max_pixels=300_000,
        format=data.draw(st.sampled_from([None, "webp"])),
        rotation=90,
        crop=(3, 3, 50, 40),
    )
    source = tmp_path / "source"
    source.write_bytes(damaged)
    try:
        result, renditions = edit(source, tmp_path, options)
    except CompressionError as error:
        code = error.code
    else:
        code = None
        check(tmp_path, result, renditions)
    assert code in CODES


def check(folder: Path, result: Result, renditions: list[Rendition]) -> None:
    """What was written is what is said."""
    made = Image.open(io.BytesIO((folder / result.compressed).read_bytes()))
    made.load()
    assert made.size == (result.compressed_width, result.compressed_height)
    for rendition in renditions:
        assert (folder / rendition.name).stat().st_size == rendition.size
