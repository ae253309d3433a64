"""Large HEICs that phones put together from tiles, decoded tile by tile.

libheif would hold three copies of all pixels at once: 317 MB for 48 megapixels.
"""

import io
from collections.abc import Callable, Iterator
from functools import partial
from math import ceil

from pi_heif.as_plugin import HeifImageFile
from PIL import Image

from imgs import isobmff
from imgs.geometry import Box, Size, View

LARGE_PIXELS = 25_000_000  # up to here libheif gets by with 300 MB


def open_tiles(data: bytes, mode: str) -> "Tiled | None":
    """The picture in the HEIC `data`, which the decoder gives as `mode`; None when it is not one of tiles alone, or
    small enough to be decoded whole.
    """
    if mode not in ("L", "RGB"):
        return None  # its transparency lies elsewhere
    try:
        grid = isobmff.primary_grid(data)
    except isobmff.BrokenBoxes:
        return None
    if grid is None or grid.size[0] * grid.size[1] <= LARGE_PIXELS:
        return None
    return Tiled(grid, mode, partial(_decoded, data))


def _decoded(data: bytes, item: int) -> Image.Image:
    tile: Image.Image = HeifImageFile(io.BytesIO(isobmff.with_primary(data, item)))
    return tile.copy()  # which holds nothing of the file


class Tiled:
    """A picture that `imgs.resizing` asks for its rows, upright, from the top down and once, with the words that
    Pillow's images have for it. `decode` gives the tile with a number.
    """

    def __init__(self, grid: isobmff.Grid, mode: str, decode: Callable[[int], Image.Image]) -> None:
        self.size: Size = grid.size[::-1] if grid.orientation >= 5 else grid.size
        self.mode = mode
        self._grid = grid
        self._decode = decode
        self._decoded: dict[int, Image.Image] = {}

    def draft(self, _mode: None, _size: Size) -> None:
        """Nothing: the decoder knows one size alone."""

    def load(self) -> None:
        """Nothing: tiles are decoded as they are asked for."""

    def crop(self, box: tuple[int, int, int, int]) -> Image.Image:
        """A part of the picture. Each must begin below the one before."""
        left, top, right, bottom = box
        view = View(*self.size, self._grid.orientation, (left, top, right - left, bottom - top))
        area = view.stored_box
        part = Image.new(self.mode, (int(area[2] - area[0]), int(area[3] - area[1])))
        places = dict(self._places(area))
        self._decoded = {tile: self._decoded.get(tile) or self._tile(tile) for tile in set(places.values())}
        for (x, y), tile in places.items():
            part.paste(self._decoded[tile], (int(x - area[0]), int(y - area[1])))
        return view.turned(part)

    def close(self) -> None:
        """Let go of the tiles."""
        self._decoded = {}

    def _places(self, area: Box) -> Iterator[tuple[tuple[int, int], int]]:
        """Where the tiles that meet `area` begin, in the pixels of the picture as it lies in the file."""
        width, height = self._grid.tile_size
        columns = -(-self._grid.size[0] // width)
        for row in range(int(area[1]) // height, ceil(area[3] / height)):
            for column in range(int(area[0]) // width, ceil(area[2] / width)):
                yield (column * width, row * height), self._grid.tiles[row * columns + column]

    def _tile(self, item: int) -> Image.Image:
        tile = self._decode(item)
        if tile.size != self._grid.tile_size:
            raise ValueError(f"a tile of {tile.size}")
        return tile if tile.mode == self.mode else tile.convert(self.mode)
