"""What is transparent stays so in WebP and AVIF, and lies on white in a JPEG; no hidden colour shines through."""

from pathlib import Path

import pytest
from PIL import Image

from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import TRANSPARENT, close, encoded, plain_png, png, quadrants

WHITE = (255, 255, 255)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("case", TRANSPARENT)
def test_it_puts_transparency_on_white_in_a_jpeg(bench: Bench, case: str) -> None:
    small = bench.small(TRANSPARENT[case], format="jpeg").convert("RGB")
    assert close(small.getpixel((30, 50)), (0, 0, 0))
    assert close(small.getpixel((120, 50)), WHITE)


@pytest.mark.parametrize("output", ["webp", "avif"])
@pytest.mark.parametrize("case", TRANSPARENT)
def test_it_keeps_transparency_elsewhere(bench: Bench, case: str, output: str) -> None:
    small = bench.small(TRANSPARENT[case], format=output)
    assert small.mode == "RGBA"
    assert close(small.getpixel((small.width // 5, 50)), (0, 0, 0, 255))
    assert small.getpixel((small.width * 4 // 5, 50))[3] == 0


def test_it_finds_the_transparency_of_a_webp_that_does_not_announce_it(bench: Bench) -> None:
    data = bytearray(encoded(Image.new("RGBA", (300, 200), (9, 90, 190, 100)), "WEBP"))
    data[20] &= ~0x10
    assert close(bench.small(bytes(data), format="avif").getpixel((50, 50)), (9, 90, 190, 100), tolerance=6)


def test_it_keeps_transparency_in_renditions(bench: Bench) -> None:
    for rendition in bench.renditions(encoded(Image.new("RGBA", (900, 600), (9, 90, 190, 100)), "PNG")):
        assert close(bench.decoded(rendition.name).getpixel((50, 50)), (9, 90, 190, 100), tolerance=3)


def test_it_mixes_half_transparent_pixels_with_white(bench: Bench) -> None:
    small = bench.small(plain_png(300, 200, pixel=bytes((0, 0, 0, 128))))
    assert close(small.getpixel((75, 50)), (127, 127, 127), tolerance=3)


@pytest.mark.parametrize("kind", ["RGBA", "LA", "PA", "WebP", "lossless WebP"])
@pytest.mark.parametrize("width", [160, 40])
def test_it_draws_no_dark_fringe_around_what_is_solid(bench: Bench, kind: str, width: int) -> None:
    image = Image.new("RGBA", (300, 200), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (0, 0, 149, 200))
    if "WebP" in kind:
        data = encoded(image, "WEBP", quality=100, exact=True, lossless="lossless" in kind)
    else:
        data = encoded(image.quantize(4) if kind == "PA" else image.convert(kind), "PNG")
    small = bench.small(data, width=width, format="avif", quality=100)
    middle = [small.getpixel((x, 20)) for x in range(width)]
    assert all(min(pixel[:3]) > 240 for pixel in middle if pixel[3] > 20)
    assert any(20 < pixel[3] < 235 for pixel in middle)


def test_it_keeps_the_transparency_of_a_heic(bench: Bench) -> None:
    alpha = Image.new("L", (400, 300), 0)
    alpha.paste(255, (0, 0, 200, 300))
    data = heic(quadrants(), alpha=alpha)
    small = bench.small(data, format="webp")
    assert (small.getpixel((30, 50))[3], small.getpixel((120, 50))[3]) == (255, 0)
    assert close(bench.decoded("original.jpg").getpixel((300, 100)), WHITE)


def test_it_finds_the_colour_key_of_16_bit_colours(bench: Bench) -> None:
    key, solid = b"\x12\x34\x56\x78\x9a\xbc", b"\xff\xff\0\0\0\0"
    rows = [key * 32 + solid * 32] * 48
    small = bench.small(png(rows, 64, 16, 2, (b"tRNS", key)), format="webp")
    assert (small.getpixel((8, 8))[3], small.getpixel((56, 8))[3]) == (0, 255)


@pytest.mark.parametrize(("bits", "key"), [(1, 1), (2, 1), (4, 5), (8, 85)])
def test_it_finds_the_colour_key_of_greys_of_few_bits(bench: Bench, bits: int, key: int) -> None:
    keyed = int(f"{key:0{bits}b}" * (8 // bits), 2)
    rows = [bytes((keyed,) * (4 * bits) + (0,) * (4 * bits))] * 48
    small = bench.small(png(rows, 64, bits, 0, (b"tRNS", bytes((0, key)))), format="webp")
    assert (small.getpixel((8, 8))[3], small.getpixel((56, 8))[3]) == (0, 255)
