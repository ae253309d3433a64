"""Processor time for one small version, beside a plain decode and resize, libvips, and what the decoder alone takes."""

import io
import tempfile
import time
from asyncio import run as run_loop
from collections.abc import Callable
from pathlib import Path

from pi_heif import register_heif_opener
from PIL import Image, ImageSequence

from bench import pictures
from bench.peers import libvips
from bench.tables import Row, Section, percentile, target
from imgs.compression import Options, Result, compress, render
from imgs.sandbox import Sandbox

PICTURES: dict[str, Callable[[], bytes]] = {
    "24 MP JPEG": lambda: pictures.jpeg(6000, 4000),
    "12 MP JPEG": lambda: pictures.jpeg(4000, 3000),
    "6 MP JPEG": lambda: pictures.jpeg(3000, 2000),
    "12 MP JPEG, progressive": lambda: pictures.jpeg(4000, 3000, progressive=True),
    "3.2 MP PNG RGB": lambda: pictures.png(2080, 1560, "RGB"),
    "3.2 MP PNG RGBA": lambda: pictures.png(2080, 1560, "RGBA"),
    "3.2 MP WebP": lambda: pictures.webp(2080, 1560),
    "3.2 MP AVIF": lambda: pictures.avif(2080, 1560),
    "3.2 MP HEIC": lambda: pictures.heic(2080, 1560),
    "GIF, 20 frames of 640 x 480": lambda: pictures.gif(640, 480, 20),
}
DECODER_FACTOR, DECODER_EXTRA_MS = 1.10, 3
PNG_FACTOR = 1.6
HANDOVER_LIMIT_MS = 2
SIZE = 150
NOT_MEASURED = "-"

register_heif_opener()


def run(quick: bool) -> Section:
    """Measure all pictures."""
    times = 4 if quick else 15
    section = Section("Compression to 150 pixels: CPU milliseconds for a picture")
    with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder:
        section.rows = [measure(name, make(), Path(folder), times) for name, make in PICTURES.items()]
        handover = 1000 * run_loop(handover_seconds(Path(folder), 20 * times))
    section.notes = [
        f"The median of {times} rounds in one process, each way in turn and warm, reading and writing the files "
        "included. Results: JPEG of quality 70; of the GIF an animated WebP.",
        "Plain: decode whole, resize bicubically, save. Decoder alone: a JPEG at 1/8 scale. "
        f"libvips {libvips.VERSION}: its thumbnail, one thread. Only compress makes a placeholder and cleans the "
        "original. Renditions: a picture's up to four larger WebP, made later, in CPU milliseconds for all.",
        f"Targets: a JPEG takes at most {DECODER_FACTOR:.2f} times the decoder alone and {DECODER_EXTRA_MS} ms, and "
        f"less than libvips; a PNG at most {PNG_FACTOR} times libvips.",
        f"To a waiting child of the sandbox and back takes another {handover:.1f} ms of waiting: "
        f"{target(handover, HANDOVER_LIMIT_MS)}.",
        "HEIC: its pixels are in the file as they are, since nothing here encodes HEVC; a camera's takes longer to "
        "decode. compress makes a full JPEG of it as well, libvips has no decoder for it.",
    ]
    return section


def measure(name: str, picture: bytes, folder: Path, times: int) -> Row:
    """The row of one picture."""
    source, made = folder / "source", folder / "made"
    source.write_bytes(picture)
    moving = picture.startswith(b"GIF")
    ways: dict[str, Callable[[], object]] = {
        "plain": lambda: plainly(source, made, moving=moving),
        "compress": lambda: compress(source, folder, Options()),
    }
    if "HEIC" not in name:
        ways["libvips"] = lambda: libvips.shrink(source, made, moving=moving)
    if "JPEG" in name:
        ways["decoder_alone"] = lambda: decode(source)
    found = cpu_ms(ways, times)
    renditions = cpu_ms({"renditions": lambda: render(source, folder, Options())}, max(2, times // 3))
    return {
        "picture": name,
        "megabytes": round(len(picture) / 1e6, 1),
        "plain": round(found["plain"], 1),
        "compress": round(found["compress"], 1),
        "libvips": round(found["libvips"], 1) if "libvips" in found else NOT_MEASURED,
        "decoder_alone": round(found["decoder_alone"], 1) if "decoder_alone" in found else NOT_MEASURED,
        "target": verdict(name, found),
        "renditions": NOT_MEASURED if moving else round(renditions["renditions"], 1),
        "result_bytes": compress(source, folder, Options()).compressed_size,
    }


def verdict(name: str, found: dict[str, float]) -> str:
    """Whether a JPEG or PNG is as fast as it is meant to be."""
    if "JPEG" in name:
        alone = target(found["compress"], round(DECODER_FACTOR * found["decoder_alone"] + DECODER_EXTRA_MS, 1))
        return f"{alone}, libvips {target(found['compress'], round(found['libvips'], 1))}"
    if "PNG" in name:
        return target(found["compress"], round(PNG_FACTOR * found["libvips"], 1))
    return NOT_MEASURED


def cpu_ms(ways: dict[str, Callable[[], object]], times: int) -> dict[str, float]:
    """The median processor time of each way in milliseconds, all threads together.

    The ways take turns, each after an unmeasured run of its own: else it would find the memory as another left it.
    """
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(times):
        for name, work in ways.items():
            work()
            before = time.process_time()
            work()
            found[name].append(1000 * (time.process_time() - before))
    return {name: percentile(values, 50) for name, values in found.items()}


def plainly(source: Path, made: Path, *, moving: bool) -> None:
    """Decode all pixels, then make them few."""
    image = Image.open(io.BytesIO(source.read_bytes()))
    first, *others = (
        frame.convert("RGB").resize((SIZE, round(image.height * SIZE / image.width)), Image.Resampling.BICUBIC)
        for frame in (ImageSequence.Iterator(image) if moving else [image])
    )
    if moving:
        first.save(made, "WEBP", save_all=True, append_images=others, quality=70, method=2)
    else:
        first.save(made, "JPEG", quality=70, optimize=True)


def decode(source: Path) -> None:
    """Decode as little of a JPEG as the format permits."""
    image = Image.open(io.BytesIO(source.read_bytes()))
    image.draft(None, (image.width // 8, image.height // 8))
    image.load()


def no_work(_source: Path, _folder: Path, _options: Options) -> Result:
    """What a child runs when only the way to it is measured."""
    made = "compressed.jpg", "image/jpeg", SIZE, SIZE, 3000
    return Result(4000, 3000, *made, None, None, "x" * 32, (), is_animated=False)


async def handover_seconds(folder: Path, times: int) -> float:
    """The median time to a warm child and back."""
    sandbox = Sandbox(1)
    sandbox.start()
    try:
        found = []
        for _ in range(times + 1):
            began = time.perf_counter()
            await sandbox.run(no_work, folder / "source", folder, Options())
            found.append(time.perf_counter() - began)
        return percentile(found[1:], 50)
    finally:
        sandbox.stop()
