"""libvips as a peer: its thumbnail, which decodes as little as it can, on one thread and without its cache."""

import os
from pathlib import Path

from PIL import Image

os.environ["VIPS_CONCURRENCY"] = "1"  # it is read when the library is loaded

import pyvips

VERSION = ".".join(str(pyvips.version(place)) for place in range(3))
ANY_HEIGHT = 10_000_000

pyvips.cache_set_max(0)  # else it would remember what it made of the same file


def shrink(source: Path, target: Path, *, moving: bool) -> None:
    """A JPEG 150 pixels wide, on white and without metadata; of a moving picture an animated WebP."""
    name = f"{source}[n=-1]" if moving else str(source)
    image = pyvips.Image.thumbnail(name, 150, height=ANY_HEIGHT, size="down")
    if moving:
        image.webpsave(str(target), Q=70, effort=2, keep="none")
        return
    if image.hasalpha():
        image = image.flatten(background=255)
    image.jpegsave(str(target), Q=70, optimize_coding=True, keep="none")


def png_of_16_bits(picture: Image.Image, target: Path) -> None:
    """The RGB picture as a PNG with 16 bits for each colour, which Pillow does not write."""
    wide = _taken(picture).cast("ushort") * 257
    wide.copy(interpretation="rgb16").pngsave(str(target), compression=1)


def png_interlaced(picture: Image.Image, target: Path) -> None:
    """The RGB picture as an interlaced PNG, which Pillow does not write either."""
    _taken(picture).pngsave(str(target), compression=1, interlace=True)


def _taken(picture: Image.Image) -> pyvips.Image:
    return pyvips.Image.new_from_memory(picture.tobytes(), *picture.size, 3, "uchar").copy(interpretation="srgb")
