"""The largest pictures of the usual kinds are worked on in 300 MB."""

import io
from collections.abc import Callable
from pathlib import Path

import pytest
import pyvips
from PIL import Image

from imgs.compression import Options
from imgs.sandbox import Sandbox
from tests.imgs.acts import peak_of_an_edit

SIZE = 8640, 5760  # 49.8 megapixels
MOST_BYTES = 300_000_000


def written(kind: str, mode: str = "RGB", **options: object) -> Callable[[], bytes]:
    def write() -> bytes:
        file = io.BytesIO()
        Image.new(mode, SIZE, "teal" if mode.startswith("RGB") else 90).save(file, kind, **options)
        return file.getvalue()

    return write


def png_by_libvips(**options: object) -> Callable[[], bytes]:
    """A PNG of a kind that Pillow does not write: interlaced, or with 16 bits for each colour."""
    wide = options.pop("wide", False)

    def write() -> bytes:
        image = pyvips.Image.black(*SIZE, bands=3).copy(interpretation="srgb")
        image = image.cast("ushort").copy(interpretation="rgb16") if wide else image
        return bytes(image.pngsave_buffer(compression=1, **options))

    return write


LARGEST = {
    "JPEG": written("JPEG"),
    "progressive JPEG": written("JPEG", progressive=True),
    "PNG": written("PNG", compress_level=1),
    "transparent PNG": written("PNG", "RGBA", compress_level=1),
    "PNG of 16 bits": png_by_libvips(wide=True),
    "PNG without its end": lambda: png_by_libvips(interlace=True)()[:-18],
    "interlaced PNG": png_by_libvips(interlace=True),
    "WebP": written("WEBP", method=0),
    "transparent WebP": written("WEBP", "RGBA", method=0),
    "lossless WebP": written("WEBP", lossless=True, quality=0, method=0),
    "GIF": written("GIF", "L"),
}


@pytest.mark.parametrize("kind", LARGEST)
async def test_it_edits_fifty_megapixels_in_300_mb(tmp_path: Path, kind: str) -> None:
    source, folder = tmp_path / "source", tmp_path / "made"
    source.write_bytes(LARGEST[kind]())
    folder.mkdir()
    sandbox = Sandbox(1)
    sandbox.start()
    try:
        peak = await sandbox.run(peak_of_an_edit, source, folder, Options(width=1920, rotation=90))
    finally:
        sandbox.stop()
    assert peak < MOST_BYTES
    assert (folder / "compressed.jpg").exists()
