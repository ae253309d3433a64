"""Hostile pictures through the whole worker: each ends once, ready or with a reason, and no other one suffers."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from imgs import jobs
from imgs.models import Gallery, UploadedImage
from imgs.sandbox import Limits, Sandbox
from realtime.worker import CompressionWorker
from tests.factories import picture, upload
from tests.imgs.acts import act
from tests.pictures import (
    encoded,
    endless_gif,
    exif_bomb,
    exif_of_copies,
    giant_profile,
    gigapixel_gif,
    jpeg_with,
    many_frames,
    photo,
    plain_png,
    png_with,
    quadrants,
    scan_bomb,
    table_profile,
    webp_of_two_sizes,
)

READY, DAMAGED, TOO_COMPLEX, TOO_MANY_PIXELS = "ready", "damaged_image", "too_complex", "too_many_pixels"
PICTURES: dict[str, tuple[Callable[[], bytes], str]] = {
    "more pixels than allowed": (lambda: plain_png(8000, 6500), TOO_MANY_PIXELS),
    "a frame far outside the screen": (gigapixel_gif, TOO_MANY_PIXELS),
    "a GIF of 200,000 frames": (lambda: many_frames("GIF", 200_000, 6000, 6000), TOO_COMPLEX),
    "a WebP of 90,000 frames": (lambda: many_frames("WEBP", 90_000, 6000, 6000), TOO_COMPLEX),
    "a GIF that never ends": (endless_gif, DAMAGED),
    "hundreds of scans": (lambda: scan_bomb(500), TOO_COMPLEX),
    "a giant profile": (lambda: jpeg_with(0xE2, b"ICC_PROFILE\0", giant_profile(), numbered=True), READY),
    "a profile with a huge table": (lambda: jpeg_with(0xE2, b"ICC_PROFILE\0", table_profile(), numbered=True), READY),
    "a profile that lies": (lambda: jpeg_with(0xE2, b"ICC_PROFILE\0", table_profile(255), numbered=True), READY),
    "a profile of gigabytes": (lambda: png_with(b"iCCP", b"x\0\0"), READY),
    "a text of gigabytes": (lambda: png_with(b"zTXt", b"x\0\0"), READY),
    "more pixels than the header says": (lambda: png_with(b"IDAT", b""), READY),
    "giant EXIF in a JPEG": (lambda: jpeg_with(0xE1, b"Exif\0\0", exif_of_copies(4_000_000)), READY),
    "giant EXIF in a WebP": (exif_bomb, READY),
    "megabytes of comments": (lambda: jpeg_with(0xFE, b"", bytes(4_500_000)), READY),
    "a WebP of two sizes": (lambda: webp_of_two_sizes(7000, 7000), DAMAGED),
    "a WebP cut in half": (lambda: encoded(quadrants(), "WEBP")[:300], DAMAGED),
}


@asynccontextmanager
async def working() -> AsyncIterator[CompressionWorker]:
    worker = CompressionWorker()
    await worker.start()
    try:
        yield worker
    finally:
        await worker.stop(1)


async def add(gallery: Gallery, content: bytes, act: str = "") -> UploadedImage:
    """A queued image; with an `act`, a child that works with `acts.act` does that instead of compressing it."""
    image = await sync_to_async(upload)(gallery, content)
    if act:
        Path(image.original.path).write_text(act)
    return image


async def outcome(image: UploadedImage) -> str:
    """How a picture ends: ready, or the reason why not."""
    async with asyncio.timeout(60):
        while (row := await UploadedImage.objects.aget(pk=image.pk)).status == "queued":
            await asyncio.sleep(0.02)
    return row.error_code or row.status


@pytest.mark.parametrize("case", PICTURES)
async def test_it_brings_every_picture_to_one_end_and_goes_on(gallery: Gallery, settings: Any, case: str) -> None:
    make, end = PICTURES[case]
    content = make()
    assert len(content) < settings.UPLOAD_MAX_BYTES
    limit, settings.UPLOAD_MAX_PIXELS = settings.UPLOAD_MAX_PIXELS, 10**10  # or the upload would be refused
    hostile = await add(gallery, content)
    settings.UPLOAD_MAX_PIXELS = limit
    async with working():
        good = await add(gallery, picture())
        began = time.monotonic()
        assert await outcome(good) == READY
        assert await outcome(hostile) == end
        assert time.monotonic() - began < 20
        assert await outcome(await add(gallery, picture())) == READY
    if end != READY:
        assert await UploadedImage.objects.filter(pk=hostile.pk, attempts=1).aexists()


@pytest.mark.parametrize(
    ("what", "end"),
    [
        ("segfault", "processing_failed"),
        ("allocate 4000000000", "too_complex"),
        ("burn 60", "too_complex"),
        ("obey {pipe}", "too_complex"),  # it waits for ever
    ],
)
async def test_a_decoder_that_dies_swells_or_hangs_costs_one_picture_of_51(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, what: str, end: str
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 1)
    monkeypatch.setattr("realtime.workshop.RENEW_SECONDS", 0.3)
    limits = Limits(seconds=4, cpu_seconds=2)
    monkeypatch.setattr("realtime.workshop.Sandbox", partial(Sandbox, limits=limits))
    monkeypatch.setattr("realtime.workshop.compress", act)
    os.mkfifo(pipe := tmp_path / "pipe")
    good = [await add(gallery, picture(320, 200 + number)) for number in range(25)]
    poison = await add(gallery, photo(300, 200), what.format(pipe=pipe))
    good += [await add(gallery, picture(320, 300 + number)) for number in range(25)]
    async with working() as worker:
        assert [await outcome(image) for image in good] == [READY] * 50
        assert await outcome(poison) == end
        assert not any(task.done() for task in worker._tasks)
