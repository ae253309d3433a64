"""Processor time for one small version, beside a plain decode and resize and beside what the decoder alone takes."""

import io
import tempfile
import time
from asyncio import run as run_loop
from collections.abc import Callable
from pathlib import Path

from PIL import Image

from bench import pictures
from bench.tables import Row, Section, percentile
from imgs.compression import Options, Result, compress
from imgs.sandbox import Sandbox

PICTURES: dict[str, Callable[[], bytes]] = {
    "24 MP JPEG": lambda: pictures.jpeg(6000, 4000),
    "12 MP JPEG": lambda: pictures.jpeg(4000, 3000),
    "6 MP JPEG": lambda: pictures.jpeg(3000, 2000),
    "3.2 MP PNG RGB": lambda: pictures.png(2080, 1560, "RGB"),
    "3.2 MP PNG RGBA": lambda: pictures.png(2080, 1560, "RGBA"),
}


def run(quick: bool) -> Section:
    """Measure all pictures."""
    times = 4 if quick else 15
    section = Section("Compression to 150 pixels: CPU milliseconds for a picture")
    with tempfile.TemporaryDirectory(prefix="dinding-bench-") as folder:
        section.rows = [measure(name, make(), Path(folder), times) for name, make in PICTURES.items()]
        handover = 1000 * run_loop(handover_seconds(Path(folder), 10 * times))
    section.notes = [
        f"The median of {times} runs in one process, reading and writing the files included.",
        "Plain: decode whole, resize bicubically, save. Decoder alone: JPEG at 1/8 scale, PNG whole; nothing else.",
        f"To a waiting child of the sandbox and back takes another {handover:.1f} ms of waiting.",
    ]
    return section


def measure(name: str, picture: bytes, folder: Path, times: int) -> Row:
    """The row of one picture."""
    source, target = folder / "source", folder / "target"
    source.write_bytes(picture)
    plain = cpu_ms(lambda: plainly(source, target), times)
    own = cpu_ms(lambda: compress(source, target, Options()), times)
    decoder = cpu_ms(lambda: decode(source), times)
    return {
        "picture": name,
        "megabytes": round(len(picture) / 1e6, 1),
        "plain": round(plain, 1),
        "compress": round(own, 1),
        "decoder_alone": round(decoder, 1),
        "result_bytes": target.stat().st_size,
    }


def cpu_ms(work: Callable[[], object], times: int) -> float:
    """The median processor time of `work` in milliseconds."""
    work()
    found = []
    for _ in range(times):
        before = time.process_time()
        work()
        found.append(1000 * (time.process_time() - before))
    return percentile(found, 50)


def plainly(source: Path, target: Path) -> None:
    """Decode all pixels, then make them few."""
    image = Image.open(io.BytesIO(source.read_bytes())).convert("RGB")
    size = (150, round(image.height * 150 / image.width))
    image.resize(size, Image.Resampling.BICUBIC).save(target, "JPEG", quality=70, optimize=True)


def decode(source: Path) -> None:
    """Decode as little as the format permits."""
    image = Image.open(io.BytesIO(source.read_bytes()))
    image.draft(None, (image.width // 8, image.height // 8))
    image.load()


def no_work(_source: Path, _target: Path, _options: Options) -> Result:
    """What a child runs when only the way to it is measured."""
    return Result(1, 1, 1, 1, 1)


async def handover_seconds(folder: Path, times: int) -> float:
    """The median time to a warm child and back."""
    sandbox = Sandbox(1, work=no_work)
    sandbox.start()
    try:
        found = []
        for _ in range(times + 1):
            began = time.perf_counter()
            await sandbox.compress(folder / "source", folder / "target", Options())
            found.append(time.perf_counter() - began)
        return percentile(found[1:], 50)
    finally:
        sandbox.stop()
