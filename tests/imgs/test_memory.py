"""The largest pictures of the usual kinds are worked on in 300 MB."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from imgs.compression import Options
from imgs.sandbox import Limits, Sandbox
from tests.heic import heic
from tests.imgs.acts import peak_of_an_edit

SIZE = 8640, 5760  # 49.8 megapixels
MOST_BYTES = 300_000_000


def written(kind: str, mode: str = "RGB", **options: object) -> Callable[[], bytes]:
    def write() -> bytes:
        file = io.BytesIO()
        Image.new(mode, SIZE, "teal" if mode.startswith("RGB") else 90).save(file, kind, **options)
        return file.getvalue()

    return write


def png_by_libvips(
    size: tuple[int, int] = SIZE, bands: int = 3, bits: int = 8, **options: object
) -> Callable[[], bytes]:
    """A PNG of a kind that Pillow does not write: interlaced, or with 16 bits for each colour."""

    def write() -> bytes:
        image = pyvips.Image.black(*size, bands=bands).copy(interpretation="srgb")
        image = image.cast("ushort").copy(interpretation="rgb16") if bits == 16 else image
        return bytes(image.pngsave_buffer(compression=1, **options))

    return write


LARGEST = {
    "JPEG": written("JPEG"),
    "progressive JPEG": written("JPEG", progressive=True),
    "PNG": written("PNG", compress_level=1),
    "transparent PNG": written("PNG", "RGBA", compress_level=1),
    "PNG of 16 bits": png_by_libvips(bits=16),
    "interlaced PNG of 16 bits, transparent": png_by_libvips(bits=16, bands=4, interlace=True),
    "PNG without its end": lambda: png_by_libvips(interlace=True)()[:-18],
    "interlaced PNG": png_by_libvips(interlace=True),
    "WebP": written("WEBP", method=0),
    "transparent WebP": written("WEBP", "RGBA", method=0),
    "lossless WebP": written("WEBP", lossless=True, quality=0, method=0),
    "GIF": written("GIF", "L"),
    "HEIC of a phone": lambda: heic(Image.new("RGB", SIZE, "teal"), tile=512, quarters=3),
}


WIDE = {
    "a million columns": png_by_libvips((999_999, 50), bits=16, bands=4),
    "many columns": png_by_libvips((24_000, 2_075), bits=16),
}


async def peak_of(write: Callable[[], bytes], folder: Path, options: Options) -> int:
    """The most bytes that a child holds which makes everything from one picture; what it makes is left in `folder`."""
    source = folder / "source"
    source.write_bytes(write())
    sandbox = Sandbox(1, limits=Limits(seconds=100, cpu_seconds=60))  # it is about memory
    sandbox.start()
    try:
        return await sandbox.run(peak_of_an_edit, source, folder, options)
    finally:
        sandbox.stop()


@pytest.mark.parametrize("kind", LARGEST)
async def test_it_edits_fifty_megapixels_in_300_mb(tmp_path: Path, kind: str) -> None:
    assert await peak_of(LARGEST[kind], tmp_path, Options(width=1920, rotation=90)) < MOST_BYTES
    assert (tmp_path / "compressed.jpg").exists()


@pytest.mark.parametrize("kind", WIDE)
async def test_it_edits_panoramas_in_300_mb(tmp_path: Path, kind: str) -> None:
    assert await peak_of(WIDE[kind], tmp_path, Options(width=1920, flip=True)) < MOST_BYTES
    assert (tmp_path / "compressed.jpg").exists()
