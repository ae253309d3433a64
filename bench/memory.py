"""The most memory that a child of the sandbox holds while it works on the largest pictures of each kind."""

import tempfile
import time
from asyncio import run as run_loop
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bench import peak, pictures
from bench.peers import libvips
from bench.tables import Row, Section, target
from imgs.compression import CompressionError, Options
from imgs.sandbox import Sandbox, Work
from tests.heic import heic

LARGEST = 8640, 5760  # 49.8 megapixels
QUICK = 4000, 3000
LIMIT_MB = 300
EDIT = Options(width=1920, rotation=90)

Writer = Callable[[Image.Image, Path], None]
Change = Callable[[Image.Image], Image.Image]


def run(quick: bool) -> Section:
    """Measure all kinds."""
    width, height = QUICK if quick else LARGEST
    section = Section(f"Memory: a child's peak over a picture of {width * height / 1e6:.0f} megapixels")
    with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder:
        source = Path(folder) / "source"
        image = pictures.scene(width, height, 0)
        for name, write in KINDS.items():
            write(image, source)
            section.rows.append(measure(name, source))
        resting = peak_of(peak.nothing, source)
    section.notes = [
        "ru_maxrss of a fresh child for each number, in millions of bytes. Compress: to 150 pixels. Renditions: up to "
        "1,920 pixels. Edit: both, turned, 1,920 pixels. A word instead of a number: refused for that reason.",
        f"A child that has done nothing yet holds {resting} MB. Target: {LIMIT_MB} MB for any picture.",
        "HEIC: of tiles, all of them alike, with the pixels in the file as they are.",
    ]
    return section


def measure(name: str, source: Path) -> Row:
    """The row of one picture."""
    began = time.monotonic()
    peaks = {
        "compress_mb": peak_of(peak.compressing, source),
        "renditions_mb": peak_of(peak.rendering, source),
        "edit_mb": peak_of(peak.editing, source, EDIT),
    }
    seconds = time.monotonic() - began
    numbers = [number for number in peaks.values() if isinstance(number, int)]
    return {
        "picture": name,
        "megabytes": round(source.stat().st_size / 1e6, 1),
        **peaks,
        "target": target(max(numbers), LIMIT_MB) if numbers else "-",
        "seconds": round(seconds, 1),
    }


def peak_of(work: Work[int], source: Path, options: Options | None = None) -> int | str:
    """What `work` gives in a child of its own, or why the picture was refused."""

    async def ask() -> int | str:
        sandbox = Sandbox(1)
        sandbox.start()
        try:
            return await sandbox.run(work, source, source.parent, options or Options())
        except CompressionError as error:
            return error.code
        finally:
            sandbox.stop()

    return run_loop(ask())


def still(kind: str, change: Change | None = None, **options: object) -> Writer:
    """Writes one picture with Pillow."""
    return lambda image, target: (change(image) if change else image).save(target, kind, **options)


def moving(kind: str, **options: object) -> Writer:
    """Writes an animation of three frames with Pillow."""

    def write(image: Image.Image, target: Path) -> None:
        others = [image.transpose(Image.Transpose.ROTATE_180), image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)]
        image.save(target, kind, save_all=True, append_images=others, duration=80, **options)

    return write


def heic_of_tiles(image: Image.Image, target: Path) -> None:
    """A HEIC of as many pixels, of one tile of the picture again and again."""
    tile = image.crop((0, 0, pictures.TILE, pictures.TILE))
    tiled = image.copy()
    for left in range(0, image.width, pictures.TILE):
        for top in range(0, image.height, pictures.TILE):
            tiled.paste(tile, (left, top))
    target.write_bytes(heic(tiled, tile=pictures.TILE))


def transparent(image: Image.Image) -> Image.Image:
    """The picture fading from top to bottom."""
    fading = image.copy()
    fading.putalpha(Image.linear_gradient("L").resize(image.size))
    return fading


def cmyk(image: Image.Image) -> Image.Image:
    """The picture for a printer."""
    return image.convert("CMYK")


def palette(image: Image.Image) -> Image.Image:
    """The picture in 64 colours."""
    return image.quantize(64)


def grey_of_16_bits(image: Image.Image) -> Image.Image:
    """The picture without colour in 16 bits."""
    return image.convert("L").convert("I").convert("I;16")


KINDS: dict[str, Writer] = {
    "JPEG": still("JPEG", quality=84),
    "JPEG, progressive": still("JPEG", quality=84, progressive=True),
    "JPEG, progressive, 4:4:4": still("JPEG", quality=84, progressive=True, subsampling="4:4:4"),
    "JPEG, CMYK, progressive": still("JPEG", cmyk, quality=84, progressive=True),
    "PNG RGB": still("PNG", compress_level=1),
    "PNG RGBA": still("PNG", transparent, compress_level=1),
    "PNG RGB, interlaced": libvips.png_interlaced,
    "PNG RGB, 16 bits": libvips.png_of_16_bits,
    "PNG grey, 16 bits": still("PNG", grey_of_16_bits, compress_level=1),
    "PNG, palette": still("PNG", palette, compress_level=1),
    "GIF": still("GIF", palette),
    "GIF, 3 frames": moving("GIF"),
    "WebP": still("WEBP", quality=60, method=0),
    "WebP, transparent": still("WEBP", transparent, quality=60, method=0),
    "WebP, 3 frames": moving("WEBP", quality=60, method=0),
    "WebP, lossless": still("WEBP", lossless=True, quality=0, method=0),
    "AVIF": still("AVIF", quality=50, speed=10),
    "AVIF, transparent": still("AVIF", transparent, quality=50, speed=10),
    "HEIC": heic_of_tiles,
}
