"""Colours come out as the file's profile means them, in sRGB; profiles without sense are passed over."""

import struct
from pathlib import Path

import pytest
from PIL import Image, PngImagePlugin

from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import (
    close,
    encoded,
    png,
)
from tests.profiles import (
    ADOBE_RGB,
    DISPLAY_P3,
    grey_profile,
    in_srgb,
    ink_profile,
    matrix_profile,
    profile_with_red_and_green_exchanged,
)

PATCHES = [(200, 100, 100), (90, 160, 110), (60, 60, 190), (128, 128, 128), (255, 255, 255)]
WHITE = (255, 255, 255)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def plain(colour: tuple[int, ...]) -> Image.Image:
    return Image.new("RGB", (300, 200), colour)


@pytest.mark.parametrize("primaries", [DISPLAY_P3, ADOBE_RGB], ids=["Display P3", "Adobe RGB"])
@pytest.mark.parametrize("colour", PATCHES)
def test_it_converts_wide_colours_to_srgb(
    bench: Bench, primaries: tuple[tuple[float, float, float], ...], colour: tuple[int, ...]
) -> None:
    wanted = in_srgb(colour, primaries)
    assert not close(wanted, colour, tolerance=4) or len(set(colour)) == 1  # it matters
    small = bench.small(encoded(plain(colour), "PNG", icc_profile=matrix_profile(primaries)), quality=95)
    assert close(small.getpixel((75, 50)), wanted, tolerance=3)


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP", "AVIF"])
def test_it_reads_the_profile_of_every_type(bench: Bench, image_format: str) -> None:
    data = encoded(plain((255, 0, 0)), image_format, icc_profile=profile_with_red_and_green_exchanged())
    assert close(bench.small(data).getpixel((75, 50)), (0, 255, 0), tolerance=20)


def test_it_reads_the_profile_of_a_heic_for_the_original_too(bench: Bench) -> None:
    result = bench.run(heic(plain((255, 0, 0)), profile=profile_with_red_and_green_exchanged()))
    assert result.original is not None
    assert close(bench.made().getpixel((75, 50)), (0, 255, 0), tolerance=20)
    assert close(bench.decoded(result.original).getpixel((150, 100)), (0, 255, 0), tolerance=20)


@pytest.mark.parametrize("output", ["webp", "avif"])
def test_it_converts_the_colours_of_transparent_pictures(bench: Bench, output: str) -> None:
    image = Image.new("RGBA", (300, 200), (200, 100, 100, 255))
    image.paste((200, 100, 100, 0), (150, 0, 300, 200))
    small = bench.small(encoded(image, "PNG", icc_profile=matrix_profile(DISPLAY_P3)), format=output, quality=95)
    assert close(small.getpixel((30, 50))[:3], in_srgb((200, 100, 100), DISPLAY_P3), tolerance=5)
    assert (small.getpixel((30, 50))[3], small.getpixel((120, 50))[3]) == (255, 0)


def test_it_writes_no_profile(bench: Bench) -> None:
    data = encoded(plain((200, 100, 100)), "PNG", icc_profile=matrix_profile(DISPLAY_P3))
    for output in ("jpeg", "webp", "avif"):
        assert "icc_profile" not in bench.small(data, format=output).info


def test_it_converts_grey_and_keeps_it_grey(bench: Bench) -> None:
    data = encoded(Image.new("L", (300, 200), 55), "JPEG", quality=95, icc_profile=grey_profile(1.0))
    small = bench.small(data)
    assert small.mode == "L"
    assert small.getpixel((75, 50)) == pytest.approx(128, abs=3)  # 55 / 255 of the light is half of sRGB's scale


@pytest.mark.parametrize(
    ("ink", "colour"), [((255, 0, 0, 0), (0, 135, 0)), ((0, 0, 0, 0), WHITE), ((0, 255, 0, 0), (0, 0, 0))]
)
def test_it_converts_inks_by_their_profile(bench: Bench, ink: tuple[int, ...], colour: tuple[int, ...]) -> None:
    data = encoded(Image.new("CMYK", (300, 200), ink), "JPEG", quality=95, icc_profile=ink_profile())
    small = bench.small(data, quality=95)
    assert close(small.getpixel((75, 50)), colour, tolerance=12)


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize(
    "profile", [b"nonsense", profile_with_red_and_green_exchanged()[:300], grey_profile(2.2)[:140]]
)
def test_it_passes_over_a_profile_without_sense(bench: Bench, mode: str, profile: bytes) -> None:
    image = Image.new("RGB", (300, 200), "white").convert(mode)
    small = bench.small(encoded(image, "JPEG", icc_profile=profile))
    assert close(small.convert("RGB").getpixel((75, 50)), WHITE)


def test_it_passes_over_a_profile_for_other_pixels(bench: Bench) -> None:
    data = encoded(plain((200, 100, 100)), "JPEG", icc_profile=grey_profile(1.0))
    assert close(bench.small(data).getpixel((75, 50)), (200, 100, 100), tolerance=4)


def test_it_heeds_the_gamma_of_a_png(bench: Bench) -> None:
    rows = [bytes([55] * 64)] * 48
    linear = (b"gAMA", struct.pack(">L", 100_000))
    usual = (b"gAMA", struct.pack(">L", 45_455))
    levels = [
        bench.small(png(rows, 64, 8, 0, *chunks)).getpixel((30, 20))
        for chunks in [(), (usual,), (linear,), (linear, (b"sRGB", b"\0"))]
    ]
    assert levels == pytest.approx([55, 55, 127, 55], abs=2)


def test_it_lets_a_profile_go_before_gamma(bench: Bench) -> None:
    note = PngImagePlugin.PngInfo()
    note.add(b"gAMA", struct.pack(">L", 100_000))
    data = encoded(plain((200, 100, 100)), "PNG", icc_profile=matrix_profile(DISPLAY_P3), pnginfo=note)
    assert close(bench.small(data, quality=95).getpixel((75, 50)), in_srgb((200, 100, 100), DISPLAY_P3), tolerance=3)


@pytest.mark.parametrize("level", [0, 127, 128, 255, 256, 384, 385, 32768, 65407, 65535])
def test_it_rounds_16_bits_to_8(bench: Bench, level: int) -> None:
    small = bench.small(encoded(Image.new("I;16", (300, 200), level), "PNG"), format="webp", quality=100)
    assert small.convert("L").getpixel((75, 50)) == pytest.approx(round(level / 257), abs=1)


def test_it_keeps_a_fine_gradient_of_16_bits_smooth(bench: Bench) -> None:
    rows = [b"".join(struct.pack(">H", 20_000 + x * 20) for x in range(300))] * 200
    small = bench.small(png(rows, 300, 16, 0), quality=100).convert("L")
    levels = [small.getpixel((x, 50)) for x in range(150)]
    assert levels == sorted(levels)
    assert levels[0] == pytest.approx(20_000 / 257, abs=1)
    assert levels[-1] == pytest.approx(25_980 / 257, abs=1)
