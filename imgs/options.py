"""What to make of a picture: plain values that a request, a row and a child share."""

from dataclasses import asdict, dataclass
from typing import Any

FORMATS = ("jpeg", "webp", "avif")
WIDTHS = (16, 4096)
QUALITIES = (1, 100)
ROTATIONS = (0, 90, 180, 270)

Crop = tuple[int, int, int, int]


@dataclass(frozen=True)
class Options:
    """The shown version: crop, then flip, then rotation, then the size.

    `width` in pixels, never enlarged. `format` None: JPEG, and an animated WebP for an animation. `crop`: left, top,
    width and height in pixels of the upright original. `flip`: mirrored left to right. `rotation` in degrees clockwise.
    """

    width: int = 150
    format: str | None = None
    quality: int = 70
    crop: Crop | None = None
    flip: bool = False
    rotation: int = 0
    max_pixels: int = 50_000_000

    @property
    def is_edited(self) -> bool:
        """Whether the shown version differs from the original in more than its size."""
        return bool(self.crop or self.flip or self.rotation)

    def as_json(self) -> dict[str, Any]:
        """The values that a row keeps."""
        values = asdict(self)
        del values["max_pixels"]
        return values | {"crop": list(self.crop) if self.crop else None}

    def changed(self, values: dict[str, Any]) -> "Options":
        """These options with the `values` of a row in their place."""
        known = asdict(self) | values
        return Options(**known | {"crop": tuple(known["crop"]) if known["crop"] else None})
