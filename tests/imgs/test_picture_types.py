"""Every kind of picture that people have comes out with the right pixels. Each is made here, so these are known."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from imgs.header import UnsupportedType, read_header
from tests.heic import heic
from tests.imgs.compressing import Bench
from tests.pictures import QUADRANTS, close, corners, encoded, mpo, png, quadrants, turned, ycck

RAMP = [0, 60, 128, 200]  # as grey levels of 8 bits, from left to right


def rgb_rows(bits: int, alpha: bool = False) -> list[bytes]:
    """The quadrants as rows of a PNG; with `alpha`, all of it solid."""
    image = quadrants(64, 48).convert("RGBA" if alpha else "RGB")
    row = image.width * len(image.getbands())
    data = image.tobytes()
    rows = [data[start : start + row] for start in range(0, len(data), row)]
    return [bytes(level for level in row for _ in range(bits // 8)) for row in rows]


def ramp_rows(bits: int) -> list[bytes]:
    """Four fields of 16 pixels as a grey PNG stores them."""
    top = 2**bits - 1
    digits = "".join(f"{round(level * top / 255):0{bits}b}" * 16 for level in RAMP)
    return [int(digits, 2).to_bytes(len(digits) // 8, "big")] * 16


def avif_of(bits: int) -> bytes:
    """An AVIF with this many bits for each colour."""
    image = pyvips.Image.new_from_memory(quadrants().tobytes(), 400, 300, 3, "uchar")
    deep = (image.cast("ushort") * 257).copy(interpretation="rgb16")
    return deep.heifsave_buffer(compression="av1", bitdepth=bits, Q=80)


COLOURED: dict[str, Callable[[], bytes]] = {
    "JPEG, colours as fine as light": lambda: encoded(quadrants(), "JPEG", subsampling="4:4:4"),
    "JPEG, colours half as wide": lambda: encoded(quadrants(), "JPEG", subsampling="4:2:2"),
    "JPEG, colours a quarter": lambda: encoded(quadrants(), "JPEG", subsampling="4:2:0"),
    "JPEG, colours not converted": lambda: encoded(quadrants(), "JPEG", keep_rgb=True),
    "JPEG, progressive": lambda: encoded(quadrants(), "JPEG", progressive=True),
    "JPEG, restarts": lambda: encoded(quadrants(), "JPEG", restart_marker_rows=1),
    "MPO of a phone": mpo,
    "PNG": lambda: encoded(quadrants(), "PNG"),
    "PNG, palette": lambda: encoded(quadrants().quantize(4), "PNG"),
    "PNG, palette of 2 bits": lambda: encoded(quadrants().quantize(4), "PNG", bits=2),
    "PNG, interlaced": lambda: png(rgb_rows(8), 64, 8, 2, interlaced=True),
    "PNG, 16 bits": lambda: png(rgb_rows(16), 64, 16, 2),
    "PNG, 16 bits and alpha": lambda: png(rgb_rows(16, alpha=True), 64, 16, 6),
    "PNG, 16 bits, interlaced": lambda: png(rgb_rows(16), 64, 16, 2, interlaced=True),
    "GIF": lambda: encoded(quadrants(), "GIF"),
    "GIF, interlaced": lambda: encoded(quadrants(), "GIF", interlace=1),
    "WebP": lambda: encoded(quadrants(), "WEBP"),
    "WebP, lossless": lambda: encoded(quadrants(), "WEBP", lossless=True),
    "WebP with alpha": lambda: encoded(quadrants().convert("RGBA"), "WEBP"),
    "AVIF": lambda: encoded(quadrants(), "AVIF"),
    "AVIF, colours as fine as light": lambda: encoded(quadrants(), "AVIF", subsampling="4:4:4"),
    "AVIF with alpha": lambda: encoded(quadrants().convert("RGBA"), "AVIF"),
    "AVIF, 10 bits": lambda: avif_of(10),
    "AVIF, 12 bits": lambda: avif_of(12),
    "HEIC": lambda: heic(quadrants()),
    "HEIC, 10 bits": lambda: heic(quadrants(), bits=10),
    "HEIC in tiles": lambda: heic(quadrants(), tile=128),
    "HEIC with alpha": lambda: heic(quadrants(), alpha=Image.new("L", (400, 300), 255)),
    "HEIF without a brand of its codec": lambda: heic(quadrants(), brands=b"mif1\0\0\0\0mif1"),
}
GREY: dict[str, Callable[[], bytes]] = {
    "JPEG": lambda: encoded(ramp(), "JPEG"),
    "PNG, 1 bit": lambda: png(ramp_rows(1), 64, 1, 0),
    "PNG, 2 bits": lambda: png(ramp_rows(2), 64, 2, 0),
    "PNG, 4 bits": lambda: png(ramp_rows(4), 64, 4, 0),
    "PNG, 8 bits": lambda: png(ramp_rows(8), 64, 8, 0),
    "PNG, 8 bits, interlaced": lambda: png(ramp_rows(8), 64, 8, 0, interlaced=True),
    "PNG, 16 bits": lambda: png(ramp_rows(16), 64, 16, 0),
    "GIF": lambda: encoded(ramp(), "GIF"),
    "WebP": lambda: encoded(ramp(), "WEBP"),
    "AVIF": lambda: encoded(ramp(), "AVIF", quality=90),
    "HEIC": lambda: heic(ramp()),
    "HEIC, 10 bits": lambda: heic(ramp(), bits=10),
}


def ramp() -> Image.Image:
    return Image.frombytes("L", (64, 16), b"".join(bytes([level] * 16) for level in RAMP) * 16)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("case", COLOURED)
def test_it_shows_every_kind_of_picture_in_its_colours(bench: Bench, case: str) -> None:
    small = bench.small(COLOURED[case](), quality=95)
    assert small.format == "JPEG"
    assert all(map(close, corners(small), QUADRANTS))


@pytest.mark.parametrize("case", GREY)
def test_it_shows_every_kind_of_grey(bench: Bench, case: str) -> None:
    small = bench.small(GREY[case](), quality=95).convert("L")
    wanted = [255 * (level > 127) for level in RAMP] if "1 bit" in case else RAMP
    tolerance = 43 if "2 bits" in case else 9 if "4 bits" in case else 4
    assert [small.getpixel((x, 8)) for x in (8, 24, 40, 56)] == pytest.approx(wanted, abs=tolerance)


@pytest.mark.parametrize("ink", [(0, 255, 255, 0), (255, 0, 255, 0), (30, 60, 90, 20), (0, 0, 0, 0)])
def test_it_reads_inks_as_photoshop_writes_them(bench: Bench, ink: tuple[int, ...]) -> None:
    image = Image.new("CMYK", (300, 200), ink)
    wanted = image.convert("RGB").getpixel((0, 0))
    for data in (ycck(image), encoded(image, "JPEG", quality=95), encoded(image, "JPEG", progressive=True)):
        assert close(bench.small(data, quality=95).getpixel((75, 50)), wanted, tolerance=6)


@pytest.mark.parametrize(
    ("transforms", "size", "order"),
    [
        ({"quarters": 1}, (300, 400), (1, 3, 0, 2)),
        ({"quarters": 2}, (400, 300), (3, 2, 1, 0)),
        ({"quarters": 3}, (300, 400), (2, 0, 3, 1)),
        ({"mirror": 0}, (400, 300), (2, 3, 0, 1)),
        ({"mirror": 1}, (400, 300), (1, 0, 3, 2)),
        ({"quarters": 1, "mirror": 1}, (300, 400), (3, 1, 2, 0)),
        ({"quarters": 3, "tile": 256}, (300, 400), (2, 0, 3, 1)),
        ({"exif": b"Exif\0\0" + turned(6).partition(b"Exif\0\0")[2][:60]}, (400, 300), (0, 1, 2, 3)),
    ],
    ids=str,
)
def test_it_turns_a_heic_once(
    bench: Bench, transforms: dict[str, object], size: tuple[int, int], order: tuple[int, ...]
) -> None:
    result = bench.run(heic(quadrants(), **transforms))
    assert (result.width, result.height) == size
    assert all(map(close, corners(bench.made()), [QUADRANTS[place] for place in order]))


def test_it_shows_a_heic_with_metadata_of_a_kind_that_has_no_name(bench: Bench) -> None:
    data = heic(quadrants(128, 64), exif=bytes(40)).replace(b"Exif", b"E\xeaif")
    result = bench.run(data)
    assert (result.width, result.height) == (128, 64)
    assert all(map(close, corners(bench.made()), QUADRANTS))


def test_it_crops_a_heic_to_its_aperture(bench: Bench) -> None:
    image = Image.new("RGB", (400, 300), "white")
    image.paste(quadrants(360, 280), (20, 10))
    result = bench.run(heic(image, clap=(360, 280)), quality=95)
    assert (result.width, result.height) == (360, 280)
    small = bench.made()
    assert all(close(colour, wanted, 20) for colour, wanted in zip(corners(small), QUADRANTS, strict=True))
    assert close(small.getpixel((0, 0)), QUADRANTS[0], 20)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_turns_an_avif_once(bench: Bench, orientation: int) -> None:
    result = bench.run(turned(orientation, "AVIF", size=(400, 200)))
    assert (result.width, result.height) == (400, 200)
    assert all(map(close, corners(bench.made()), QUADRANTS))


def test_it_refuses_a_jpeg_of_12_bits_by_its_header() -> None:
    data = bytearray(encoded(quadrants(), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedType):
        read_header(io.BytesIO(data))
