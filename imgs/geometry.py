"""Where the pixels of a result come from: what is shown of a picture, how it lies in the file, how large it gets."""

from dataclasses import dataclass
from math import ceil, isqrt

from PIL import Image

_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CLOCKWISE = {90: Image.Transpose.ROTATE_270, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_90}

Size = tuple[int, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class View:
    """A picture of `width` x `height` pixels, upright, and what is shown of it: cropped, then mirrored, then turned."""

    width: int
    height: int
    orientation: int = 1  # EXIF's: how the picture lies in the file
    crop: tuple[int, int, int, int] | None = None  # left, top, width, height; what is outside the picture is left out
    flip: bool = False  # left to right
    rotation: int = 0  # degrees clockwise: 0, 90, 180 or 270

    @property
    def is_whole(self) -> bool:
        """Whether the picture is shown as it is."""
        return not self.flip and not self.rotation and self._upright_box == (0, 0, self.width, self.height)

    @property
    def size(self) -> Size:
        """Width and height of what is shown, in the picture's own pixels."""
        left, top, right, bottom = self._upright_box
        size = right - left, bottom - top
        return size[::-1] if self.rotation in (90, 270) else size

    @property
    def stored_box(self) -> Box:
        """What is shown, in the pixels of the picture as it lies in the file: left, top, right, bottom."""
        left, top, right, bottom = self._upright_box
        (x1, y1), (x2, y2) = self._stored(left, top), self._stored(right, bottom)
        return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)

    def stored_size(self, size: Size) -> Size:
        """The size, before any turn, of what gets `size` when it is shown."""
        quarter = self.rotation in (90, 270)
        return size[::-1] if quarter != (self.orientation >= 5) else size

    def turned(self, image: Image.Image) -> Image.Image:
        """`image`, which lies as in the file, the way it is shown."""
        if self.orientation in _UPRIGHT:
            image = image.transpose(_UPRIGHT[self.orientation])
        if self.flip:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        if self.rotation in _CLOCKWISE:
            image = image.transpose(_CLOCKWISE[self.rotation])
        return image

    @property
    def _upright_box(self) -> tuple[int, int, int, int]:
        if self.crop is None:
            return 0, 0, self.width, self.height
        left, top, width, height = self.crop
        right, bottom = min(left + width, self.width), min(top + height, self.height)
        left, top = min(max(0, left), self.width - 1), min(max(0, top), self.height - 1)
        return left, top, max(left + 1, right), max(top + 1, bottom)

    def _stored(self, x: int, y: int) -> tuple[int, int]:
        across, down = self.width - x, self.height - y
        places = ((x, y), (across, y), (across, down), (x, down), (y, x), (y, across), (down, across), (down, x))
        return places[self.orientation - 1]


def fitted(size: Size, width: int, max_height: int, max_pixels: int) -> Size:
    """`size` at most `width` wide, never enlarged, within the limits, at least one pixel each way. A half rounds up."""
    full_width, full_height = size
    new_width = min(full_width, width, max(1, isqrt(max_pixels * full_width // full_height)))
    new_height = max(1, (2 * full_height * new_width + full_width) // (2 * full_width))
    if new_height > max_height:
        return max(1, full_width * max_height // full_height), max_height
    return new_width, new_height


def outer(box: Box, factor: Size, size: Size) -> tuple[int, int, int, int]:
    """The smallest box of whole pixels around `box`, within `size`, whose left and top are multiples of `factor`."""
    left, top = int(box[0]) // factor[0] * factor[0], int(box[1]) // factor[1] * factor[1]
    return left, top, min(ceil(box[2]), size[0]), min(ceil(box[3]), size[1])
