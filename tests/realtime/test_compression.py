"""The worker: claimed rows become ready or failed cards, whatever is lost, dies or stops on the way."""

import asyncio
import errno
import itertools
import os
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings as django_settings
from django.db import OperationalError

from imgs import epochs, jobs, notify, removal
from imgs.compression import CompressionError, compress
from imgs.models import Gallery, UploadedImage
from imgs.sandbox import ChildDied, Sandbox
from realtime.worker import CompressionWorker
from tests.factories import picture, upload
from tests.realtime.sockets import connected


@pytest.fixture
async def worker(gallery: Gallery) -> AsyncIterator[CompressionWorker]:
    worker = CompressionWorker()
    await worker.start()
    yield worker
    await worker.stop(1)


async def status(image: UploadedImage) -> str:
    return str(await UploadedImage.objects.values_list("status", flat=True).aget(pk=image.pk))


async def ended(image: UploadedImage, seconds: float = 10) -> UploadedImage:
    async with asyncio.timeout(seconds):
        while await status(image) == "queued":
            await asyncio.sleep(0.02)
    return await UploadedImage.objects.aget(pk=image.pk)


def sandbox_does(monkeypatch: pytest.MonkeyPatch, behaviour: Callable[..., Awaitable[Any]]) -> None:
    """Have small versions made by `behaviour`; renditions come from a child as ever."""
    run = Sandbox.run

    def does(sandbox: Sandbox, work: Any, *picture: Any) -> Awaitable[Any]:
        return behaviour(*picture) if work is compress else run(sandbox, work, *picture)

    monkeypatch.setattr(Sandbox, "run", does)


async def add(gallery: Gallery, content: bytes | None = None) -> UploadedImage:
    return await sync_to_async(upload)(gallery, content)


@pytest.mark.usefixtures("worker")
async def test_it_makes_an_upload_ready_and_tells_viewers(gallery: Gallery) -> None:
    async with connected() as socket:
        image = await add(gallery, picture(800, 600))
        assert (await socket.receive_type("changes"))["cards"][0]["status"] == "queued"
        card = (await socket.receive_type("changes"))["cards"][0]
        assert (card["id"], card["status"], card["compressed_width"], card["compressed_height"]) == (
            str(image.pk),
            "ready",
            150,
            113,
        )


@pytest.mark.usefixtures("worker")
async def test_it_notices_that_a_gallery_nobody_looks_at_has_gone_back(gallery: Gallery) -> None:
    await ended(await add(gallery))
    await sync_to_async(epochs.mark)(gallery.pk, gallery.epoch, 9)
    async with asyncio.timeout(10):
        while (await Gallery.objects.aget(pk=gallery.pk)).epoch == gallery.epoch:
            await asyncio.sleep(0.05)


@pytest.mark.usefixtures("worker")
async def test_it_fails_a_jpeg_cut_in_half_with_a_reason(gallery: Gallery) -> None:
    whole = picture(1000, 1000)
    image = await ended(await add(gallery, whole[: len(whole) // 2]))
    assert (image.status, image.error_code) == ("failed", "damaged_image")


@pytest.mark.usefixtures("worker")
async def test_it_works_off_many_pictures_and_leaves_no_temporary_files(gallery: Gallery) -> None:
    images = [await add(gallery) for _ in range(12)]
    assert {(await ended(image)).status for image in images} == {"ready"}
    assert [path for path in Path(django_settings.FILE_UPLOAD_TEMP_DIR).iterdir() if path.suffix == ".jpg"] == []


@pytest.mark.usefixtures("worker")
async def test_it_finds_work_without_any_hint(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notify, "workers", lambda: None)
    assert (await ended(await add(gallery), 3)).status == "ready"


async def test_it_goes_on_when_the_channel_layer_raises(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = CompressionWorker()

    async def refuse(_channel: str) -> None:
        raise ConnectionError("Redis is away")

    monkeypatch.setattr(worker, "channel_layer", type("Layer", (), {"receive": staticmethod(refuse)})())
    await worker.start()
    try:
        assert (await ended(await add(gallery), 5)).status == "ready"
    finally:
        await worker.stop(1)


@pytest.mark.usefixtures("worker")
async def test_it_tries_again_when_a_child_dies_and_fails_after_three(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0)
    attempts = []

    async def die(source: Path, *_rest: Any) -> None:
        attempts.append(source)
        raise ChildDied

    sandbox_does(monkeypatch, die)
    image = await ended(await add(gallery))
    assert (image.status, image.error_code, len(attempts)) == ("failed", "processing_failed", 3)


@pytest.mark.usefixtures("worker")
async def test_it_survives_an_error_that_nobody_thought_of(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "LEASE_SECONDS", 0)
    monkeypatch.setattr(jobs, "give_up", lambda: 0)  # a third attempt whose lease has run out at once is under way
    first = True

    async def surprise(source: Path, target: Path, options: Any) -> Any:
        nonlocal first
        if first:
            first = False
            raise RuntimeError("surprise")
        return compress(source, target, options)

    sandbox_does(monkeypatch, surprise)
    assert (await ended(await add(gallery))).status == "ready"


async def test_it_does_not_blame_pictures_for_a_storage_that_is_not_there(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("realtime.workshop.AWAY_SECONDS", 0.05)
    images = [await add(gallery) for _ in range(3)]
    originals = Path(django_settings.MEDIA_ROOT) / "originals"
    away = originals.rename(originals.with_name("unmounted"))
    worker = CompressionWorker()
    await worker.start()
    try:
        async with asyncio.timeout(20):
            while "the storage of pictures is away (FileNotFoundError); going on without it" not in caplog.messages:
                await asyncio.sleep(0.02)
        await asyncio.sleep(2)
        away.rename(originals)
        assert [(await ended(image)).status for image in images] == ["ready"] * 3
    finally:
        await worker.stop(1)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EIO, errno.ESTALE])
async def test_it_does_not_blame_pictures_for_a_storage_that_fails(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, number: int
) -> None:
    monkeypatch.setattr("realtime.workshop.AWAY_SECONDS", 0.05)
    monkeypatch.setattr(jobs, "ATTEMPTS_MAX", 1)
    image = await add(gallery)
    worker = CompressionWorker()
    with monkeypatch.context() as failing:

        def fail(*_args: Any, **_options: Any) -> Any:
            raise OSError(number, os.strerror(number))

        failing.setattr(Path, "mkdir", fail)
        failing.setattr("tempfile.TemporaryFile", fail)
        await worker.start()
        async with asyncio.timeout(20):
            while "the storage of pictures is away (OSError); going on without it" not in caplog.messages:
                await asyncio.sleep(0.02)
        await worker.stop(1)  # no attempt is under way when it works again
    worker = CompressionWorker()
    await worker.start()
    try:
        assert (await ended(image)).status == "ready"
    finally:
        await worker.stop(1)


async def test_it_says_so_when_the_original_is_not_there(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jobs, "ATTEMPTS_MAX", 1)
    image = await add(gallery)
    Path(image.original.path).unlink()
    worker = CompressionWorker()
    await worker.start()
    try:
        assert (await ended(image)).error_code == jobs.ORIGINAL_MISSING
    finally:
        await worker.stop(1)


@pytest.mark.usefixtures("worker")
async def test_it_survives_a_database_that_is_away_for_a_claim(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim, calls = jobs.claim, []

    def sometimes(works: Any) -> jobs.Job | None:
        calls.append(1)
        if len(calls) < 3:
            raise OperationalError("server closed the connection")
        return claim(works)

    monkeypatch.setattr(jobs, "claim", sometimes)
    assert (await ended(await add(gallery))).status == "ready"


@pytest.mark.usefixtures("worker")
async def test_it_holds_its_lease_while_a_child_works_long(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    renewed = asyncio.Event()
    loop = asyncio.get_running_loop()
    renew = jobs.renew

    def watched(job: jobs.Job) -> bool:
        loop.call_soon_threadsafe(renewed.set)
        return renew(job)

    async def work_long(*_args: Any) -> None:
        await renewed.wait()
        raise CompressionError("too_complex")

    monkeypatch.setattr(jobs, "renew", watched)
    monkeypatch.setattr("realtime.workshop.RENEW_SECONDS", 0.1)
    sandbox_does(monkeypatch, work_long)
    image = await ended(await add(gallery))
    assert (image.error_code, image.attempts) == ("too_complex", 1)


async def test_it_stops_its_child_when_the_lease_is_lost(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = asyncio.Event()

    async def hang(*_args: Any) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    monkeypatch.setattr("realtime.workshop.RENEW_SECONDS", 0.1)
    sandbox_does(monkeypatch, hang)
    worker = CompressionWorker()
    await worker.start()
    try:
        image = await add(gallery)
        async with asyncio.timeout(5):
            while not await UploadedImage.objects.filter(pk=image.pk, attempts=1).aexists():
                await asyncio.sleep(0.02)
        await sync_to_async(removal.remove)(image)
        async with asyncio.timeout(5):
            await stopped.wait()
        assert await status(image) == "removed"
    finally:
        await worker.stop(1)


async def test_it_hands_back_at_no_cost_what_it_cannot_finish_in_time(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = asyncio.Event()

    async def hang(*_args: Any) -> None:
        started.set()
        await asyncio.Event().wait()

    sandbox_does(monkeypatch, hang)
    worker = CompressionWorker()
    await worker.start()
    image = await add(gallery)
    await started.wait()
    await worker.stop(0.1)
    row = await UploadedImage.objects.aget(pk=image.pk)
    assert (row.status, row.attempts, row.lease_token) == ("queued", 0, None)


async def test_it_hands_back_what_it_was_claiming_when_it_was_told_to_stop(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    claiming, go_on, claim = threading.Event(), threading.Event(), jobs.claim

    def slow_claim(works: Any) -> jobs.Job | None:
        job = claim(works)
        if job:
            claiming.set()
            go_on.wait(10)
        return job

    monkeypatch.setattr(jobs, "claim", slow_claim)
    worker = CompressionWorker()
    await worker.start()
    image = await add(gallery)
    assert await asyncio.to_thread(claiming.wait, 10)
    stopping = asyncio.create_task(worker.stop(5))
    await asyncio.sleep(0)
    go_on.set()
    await stopping
    row = await UploadedImage.objects.aget(pk=image.pk)
    assert (row.status, row.attempts, row.lease_token) == ("queued", 0, None)


@pytest.mark.usefixtures("worker")
async def test_it_holds_its_lease_while_the_database_lets_it_wait(
    gallery: Gallery, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed, renew, finish, attempts = threading.Event(), jobs.renew, jobs.finish, []

    def watched(job: jobs.Job) -> bool:
        renewed.set()
        return renew(job)

    def wait_for_a_lock(job: jobs.Job, *made: Any) -> bool:
        attempts.append(job.attempt)
        return renewed.wait(10) and finish(job, *made)

    monkeypatch.setattr(jobs, "renew", watched)
    monkeypatch.setattr(jobs, "finish", wait_for_a_lock)
    monkeypatch.setattr("realtime.workshop.RENEW_SECONDS", 0.1)
    image = await ended(await add(gallery))
    assert (image.status, attempts[0]) == ("ready", 1)


@pytest.mark.usefixtures("worker")
async def test_it_does_not_blame_a_picture_for_the_database(gallery: Gallery, monkeypatch: pytest.MonkeyPatch) -> None:
    finish, attempts = jobs.finish, []

    def at_last(job: jobs.Job, *made: Any) -> bool:
        attempts.append(job.attempt)
        if len(attempts) <= 2 * jobs.ATTEMPTS_MAX:
            raise OperationalError("canceling statement due to lock timeout")
        return finish(job, *made)

    monkeypatch.setattr(jobs, "finish", at_last)
    image = await ended(await add(gallery))
    assert (image.status, set(attempts)) == ("ready", {1})


async def test_it_goes_on_ticking_after_an_error_that_nobody_thought_of(
    gallery: Gallery, worker: CompressionWorker, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks, twice = itertools.count(1), asyncio.Event()
    loop = asyncio.get_running_loop()

    def fail() -> int:
        if next(ticks) == 2:
            loop.call_soon_threadsafe(twice.set)
        raise Gallery.DoesNotExist

    monkeypatch.setattr("realtime.worker.TICK_SECONDS", 0.01)
    monkeypatch.setattr(jobs, "give_up", fail)
    async with asyncio.timeout(5):
        await twice.wait()
