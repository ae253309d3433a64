"""Still PNGs and WebPs, decoded by libvips row by row: their pixels are never held as a whole.

Pillow would hold 4 bytes of each pixel of a PNG at once, and 16 of a WebP, for which it has the decoder of animations
only; and libwebp can scale while it decodes.
"""

import logging
import os
from collections.abc import Callable

from PIL import Image

from imgs.geometry import Box, Size

os.environ.setdefault("VIPS_CONCURRENCY", "1")  # read when libvips is loaded; there is a child for each CPU

import pyvips

LARGE_PIXELS = 12_000_000  # more than these libwebp can't hold whole in 300 MB
_MODES = {1: "L", 2: "LA", 3: "RGB", 4: "RGBA"}  # by the number of bands

BrokenStill = pyvips.Error

_Load = Callable[[float], pyvips.Image]  # by scale

pyvips.cache_set_max(0)  # no two pictures are alike
logging.getLogger("pyvips").setLevel(logging.CRITICAL)  # its remarks on odd files don't say which


def open_png(data: bytes) -> "Still":
    """The picture in `data`. Raises BrokenStill."""
    return Still(lambda _scale: pyvips.Image.pngload_source(_source(data), access="sequential", fail_on="truncated"))


def open_webp(data: bytes) -> "Still":
    """The picture in `data`, or the first frame of an animation. Raises BrokenStill.

    One with a transparency of its own beside lossy colours is scaled while it is decoded only when it is large: libwebp
    lets the colours of what is transparent shine through a little.
    """

    def load(scale: float) -> pyvips.Image:
        return pyvips.Image.webpload_source(_source(data), access="sequential", scale=scale, fail_on="truncated")

    still = Still(load)
    still.is_scalable = b"ALPH" not in data or still.size[0] * still.size[1] > LARGE_PIXELS
    return still


def _source(data: bytes) -> pyvips.Source:
    return pyvips.Source.new_from_memory(data)  # without a copy


class Still:
    """A picture that `imgs.resizing` asks for its rows, from the top down and once, with the words that Pillow's
    images have for it.
    """

    def __init__(self, load: _Load) -> None:
        self.is_scalable = False  # while it is decoded
        self._load = load
        self._use(load(1))

    def _use(self, image: pyvips.Image) -> None:
        self.profile: bytes | None = image.get("icc-profile-data") if "icc-profile-data" in image.get_fields() else None
        if image.format == "ushort":
            image = image.linear(255 / 65535, 0.5).cast("uchar")
        self.size: Size = image.width, image.height
        self.mode = _MODES[image.bands]
        self._rows = pyvips.Region.new(image)

    def draft(self, _mode: None, size: Size) -> tuple[str, Box] | None:
        """Decode to a whole fraction of the size that is at least `size`, if the decoder can. Says what box the whole
        picture fills then.
        """
        factor = int(min(self.size[0] / size[0], self.size[1] / size[1]))
        if not self.is_scalable or factor < 2:
            return None
        self._use(self._load(1 / factor))
        return self.mode, (0, 0, *self.size)

    def load(self) -> None:
        """Nothing: rows are decoded as they are asked for."""

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """A part of the picture. Each must begin below the one before."""
        left, top, right, bottom = box
        size = right - left, bottom - top
        return Image.frombuffer(self.mode, size, self._rows.fetch(left, top, *size), "raw", self.mode, 0, 1)

    def close(self) -> None:
        """Let go of what the decoder holds."""
        del self._rows
