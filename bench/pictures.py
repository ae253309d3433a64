"""Pictures like those of a camera, made here: smooth light, soft shapes, grain; the same ones in every run."""

import io
import itertools
import random
from functools import cache

from PIL import Image, ImageChops, ImageDraw, ImageFilter

from tests.heic import heic as coded_heic

TILE = 512

_copies = itertools.count(1)


@cache
def jpeg(width: int, height: int, grain: int = 11, quality: int = 84, *, progressive: bool = False) -> bytes:
    """A JPEG; 4000 x 3000 take about 1.3 MB with the grain of good light, 4.4 MB with a `grain` of 57."""
    return _encoded(scene(width, height, grain), "JPEG", quality=quality, progressive=progressive)


def another(picture: bytes) -> bytes:
    """The same JPEG in bytes that nobody sent yet, or the server would know it again: only its resolution differs."""
    return picture[:14] + next(_copies).to_bytes(4, "big") + picture[18:]


@cache
def png(width: int, height: int, mode: str) -> bytes:
    """A PNG in the mode RGB or RGBA."""
    image = scene(width, height, 6)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    return _encoded(image, "PNG", compress_level=3)


@cache
def webp(width: int, height: int) -> bytes:
    """A WebP of the usual quality."""
    return _encoded(scene(width, height, 6), "WEBP", quality=80)


@cache
def avif(width: int, height: int) -> bytes:
    """An AVIF of the usual quality."""
    return _encoded(scene(width, height, 6), "AVIF", quality=65, speed=8)


@cache
def heic(width: int, height: int) -> bytes:
    """A HEIC of tiles, as phones make them, but its pixels go in as they are: nothing here can encode HEVC."""
    return coded_heic(scene(width, height, 6), tile=TILE)


@cache
def gif(width: int, height: int, frames: int) -> bytes:
    """An animated GIF: the camera moves over a larger scene."""
    large = scene(width + 4 * frames, height + 2 * frames, 0).quantize(128)
    first, *others = (large.crop((4 * n, 2 * n, 4 * n + width, 2 * n + height)) for n in range(frames))
    return _encoded(first, "GIF", save_all=True, append_images=others, duration=80, loop=0)


def scene(width: int, height: int, grain: int) -> Image.Image:
    """Light from somewhere, things standing about, and noise of `grain` levels."""
    chance = random.Random(f"{width} {height}")
    light = Image.new("RGB", (8, 6))
    light.putdata([tuple(chance.randrange(30, 220) for _ in range(3)) for _ in range(48)])
    image = light.resize((width // 4, height // 4), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(image)
    for _ in range(60):
        x, y, size = chance.randrange(image.width), chance.randrange(image.height), chance.randrange(20, 200)
        draw.ellipse((x - size, y - size // 2, x + size, y + size // 2), tuple(chance.choices(range(256), k=3)))
    image = image.filter(ImageFilter.GaussianBlur(2)).resize((width, height), Image.Resampling.BICUBIC)
    noise = Image.frombytes("L", (TILE, TILE), chance.randbytes(TILE * TILE)).point(lambda level: level * grain // 255)
    sheet = Image.new("L", image.size)
    for left in range(0, width, TILE):
        for top in range(0, height, TILE):
            sheet.paste(noise, (left, top))
    return ImageChops.add(image, Image.merge("RGB", [sheet] * 3), offset=-(grain // 2))


def _encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()
