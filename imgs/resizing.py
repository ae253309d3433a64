"""Brings pixels to the size that is wanted and decodes no more than that needs.

A JPEG is decoded at an eighth of its size where that is enough; what is decoded in rows is never held whole.
"""

from math import ceil
from typing import TypeAlias

from PIL import Image

from imgs import colour
from imgs.geometry import Box, Size, outer
from imgs.stills import Still
from imgs.tiles import Tiled

REDUCING_GAP = 1.5  # decode and box-reduce to so many times the target, then resample well: no visible loss
CUTTING_GAP = 2.0  # the same for a part of a picture, or what lies outside would show at its edges
LARGE = 1000  # pixels: from here on a JPEG is decoded to no more than the target needs, in half the time
STRIP_PIXELS = 200_000  # converted at once: few enough for the processor's cache
STRIP_ROWS = 1000  # asked for at once: with many more of them libvips takes 30 times as long for each

Pixels: TypeAlias = Image.Image | Still | Tiled


def used_up(image: Pixels, box: Box, size: Size) -> Image.Image:
    """What `resized` gives; the pixels of `image` are let go of as soon as there are fewer."""
    reduced, place = _decoded(image, box, size)
    if reduced is not image:
        image.close()
    return _resampled(reduced, place, size)


def resized(image: Image.Image, box: Box, size: Size) -> Image.Image:
    """The part `box` of the picture in `size`, premultiplied, decoded no larger than needed."""
    return _resampled(*_decoded(image, box, size), size)


def _decoded(image: Pixels, box: Box, size: Size) -> tuple[Image.Image, Box]:
    """A version of the picture, or of a part of it, a little larger than needed, and where `box` is in there.

    draft() is told both dimensions: one alone defeats it.
    """
    width, height = image.size
    across, down = (box[2] - box[0]) / size[0], (box[3] - box[1]) / size[1]
    is_whole = box == (0, 0, width, height)
    gap = CUTTING_GAP if not is_whole else 1 if max(size) > LARGE else REDUCING_GAP
    drafted = image.draft(None, (ceil(width / across * gap), ceil(height / down * gap)))
    if drafted:
        scale_x, scale_y = drafted[1][2] / width, drafted[1][3] / height
        box = box[0] * scale_x, box[1] * scale_y, box[2] * scale_x, box[3] * scale_y
    image.load()
    factor = (
        max(1, int((box[2] - box[0]) / size[0] / max(gap, REDUCING_GAP))),
        max(1, int((box[3] - box[1]) / size[1] / max(gap, REDUCING_GAP))),
    )
    part = outer(box, factor, image.size)
    reduced = _reduced(image, part, factor)
    return reduced, (
        (box[0] - part[0]) / factor[0],
        (box[1] - part[1]) / factor[1],
        min((box[2] - part[0]) / factor[0], reduced.width),
        min((box[3] - part[1]) / factor[1], reduced.height),
    )


def _resampled(reduced: Image.Image, box: Box, size: Size) -> Image.Image:
    if size == reduced.size and box == (0, 0, *size):
        return reduced
    return reduced.resize(size, Image.Resampling.BICUBIC, box)


def _reduced(image: Pixels, part: tuple[int, int, int, int], factor: Size) -> Image.Image:
    """`part` of the picture in a mode that resamples well, divided by `factor`. Converted in strips: a conversion of
    the whole would take as much memory again.
    """
    if isinstance(image, Image.Image) and image.mode in ("L", "RGB", "CMYK") and not image.has_transparency_data:
        if factor == (1, 1):
            return image if part == (0, 0, *image.size) else image.crop(part)
        return image.reduce(factor, part)
    left, top, right, bottom = part
    rows = max(1, min(STRIP_PIXELS // (right - left), STRIP_ROWS) // factor[1]) * factor[1]
    reduced = None
    for start in range(top, bottom, rows):
        strip = _reduced_strip(image, (left, start, right, min(start + rows, bottom)), factor)
        if reduced is None:
            reduced = Image.new(strip.mode, (strip.width, ceil((bottom - top) / factor[1])))
        reduced.paste(strip, (0, (start - top) // factor[1]))
    assert reduced
    return reduced


def _reduced_strip(image: Pixels, strip: tuple[int, int, int, int], factor: Size) -> Image.Image:
    """The same of rows that are reduced together. Where these are very wide, it makes them narrow few by few."""
    left, top, right, bottom = strip
    rows = max(1, STRIP_PIXELS // (right - left))
    if factor == (1, 1) or bottom - top <= rows:
        whole = colour.resizable(image.crop(strip))
        return whole.reduce(factor) if factor != (1, 1) else whole
    parts = [
        colour.resizable(image.crop((left, start, right, min(start + rows, bottom)))).reduce((factor[0], 1))
        for start in range(top, bottom, rows)
    ]
    narrow = Image.new(parts[0].mode, (parts[0].width, bottom - top))
    for number, part in enumerate(parts):
        narrow.paste(part, (0, number * rows))
    return narrow.reduce((1, factor[1]))
