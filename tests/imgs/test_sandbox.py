"""Whatever a picture does to the child that works on it, the sandbox answers and goes on."""

import asyncio
import os
import signal
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures.process import BrokenProcessPool
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from imgs import sandbox as sandbox_module
from imgs.compression import CompressionError, Options, compress
from imgs.sandbox import ChildDied, Limits, Sandbox
from tests.imgs.acts import act
from tests.pictures import encoded, photo, plain_png, quadrants

OPTIONS = Options()


class Desk:
    """A running sandbox and a folder for its pictures."""

    def __init__(self, folder: Path, sandbox: Sandbox) -> None:
        self.folder = folder
        self.sandbox = sandbox
        self._pictures = 0

    async def run(self, content: str | bytes) -> Any:
        """What the child makes of a file with `content`."""
        self._pictures += 1
        source = self.folder / f"{self._pictures}.source"
        source.write_bytes(content if isinstance(content, bytes) else content.encode())
        async with asyncio.timeout(30):
            return await self.sandbox.run(act, source, made_folder(source.with_suffix(".made")), OPTIONS)

    async def hang(self) -> "Hanging":
        """A picture that a child hangs on."""
        pipe = named_pipe(self.folder / "sign of life")
        task = asyncio.create_task(self.run(f"hang {pipe}"))
        reader = asyncio.StreamReader()
        end = os.fdopen(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK), "rb", 0)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), end
        )
        child = int(await asyncio.wait_for(reader.readline(), 20))
        return Hanging(task, child, reader, transport)

    async def works(self) -> bool:
        """Whether an ordinary picture comes out right."""
        result = await self.run(encoded(quadrants(), "JPEG"))
        return bool(result.compressed_width == 150)


@asynccontextmanager
async def open_desk(folder: Path, children: int = 1, limits: Limits | None = None) -> AsyncIterator[Desk]:
    sandbox = Sandbox(children, limits=limits)
    sandbox.start()
    try:
        yield Desk(folder, sandbox)
    finally:
        sandbox.stop()


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as opened:
        yield opened


def made_folder(path: Path) -> Path:
    path.mkdir()
    return path


def named_pipe(path: Path) -> Path:
    os.mkfifo(path)
    return path


@dataclass
class Hanging:
    """A picture that a child hangs on, and the end of a pipe that the child holds open."""

    task: asyncio.Task[Any]
    child: int
    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    async def dies(self) -> bool:
        """Whether the child is gone at once."""
        rest = await asyncio.wait_for(self.reader.read(), 2.5)
        self.transport.close()
        return rest == b""


async def test_it_gives_what_compress_gives(tmp_path: Path) -> None:
    sandbox = Sandbox()
    sandbox.start()
    source = tmp_path / "photo.jpg"
    source.write_bytes(photo(1200, 900))
    try:
        result = await sandbox.run(compress, source, made_folder(tmp_path / "one"), OPTIONS)
    finally:
        sandbox.stop()
    assert result == compress(source, made_folder(tmp_path / "two"), OPTIONS)
    one, two = (tmp_path / name / result.compressed for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()


async def test_it_passes_on_what_is_wrong_with_a_picture(desk: Desk) -> None:
    with pytest.raises(CompressionError, match="unsupported_type"):
        await desk.run("just text")
    with pytest.raises(CompressionError, match="damaged_image"):
        await desk.run(encoded(quadrants(), "JPEG")[:1000])
    with pytest.raises(FileNotFoundError):
        await desk.run("oserror")
    assert await desk.works()


async def test_it_works_on_twenty_pictures_at_once(tmp_path: Path) -> None:
    async with open_desk(tmp_path, children=2) as desk:
        pictures = [encoded(quadrants(200 + number, 300), "PNG") for number in range(20)]
        results = await asyncio.gather(*map(desk.run, pictures))
    assert [result.width for result in results] == [200 + number for number in range(20)]


@pytest.mark.parametrize("death", ["crash", "exit"])
async def test_it_survives_a_child_that_dies(desk: Desk, death: str) -> None:
    with pytest.raises(ChildDied):
        await desk.run(death)
    assert await desk.works()


async def test_a_death_leaves_the_picture_in_the_other_child_alone(tmp_path: Path) -> None:
    pipe = named_pipe(tmp_path / "orders")
    async with open_desk(tmp_path, children=2) as desk:
        obeying = asyncio.create_task(desk.run(f"obey {pipe}"))
        with os.fdopen(os.open(pipe, os.O_RDWR), "wb", 0) as orders:
            with pytest.raises(ChildDied):
                await desk.run("crash")
            orders.write(b"done\n")
            assert await obeying == "done\n"


async def test_it_kills_a_picture_at_its_deadline(tmp_path: Path) -> None:
    async with open_desk(tmp_path, limits=Limits(seconds=3)) as desk:
        assert await desk.works()
        hanging = await desk.hang()
        with pytest.raises(CompressionError, match="too_complex"):
            await hanging.task
        assert await hanging.dies()
        assert await desk.works()


async def test_it_limits_cpu_time(tmp_path: Path) -> None:
    async with open_desk(tmp_path, limits=Limits(cpu_seconds=0)) as desk:
        with pytest.raises(CompressionError, match="too_complex"):
            await desk.run("burn 60")
        assert await desk.works()


async def test_it_gives_every_picture_its_own_cpu_time(tmp_path: Path) -> None:
    async with open_desk(tmp_path, limits=Limits(cpu_seconds=1)) as desk:
        children = [await desk.run("burn 0.8") for _ in range(3)]
    assert len(set(children)) == 1


async def test_it_limits_memory(desk: Desk) -> None:
    with pytest.raises(CompressionError, match="too_complex"):
        await desk.run(f"allocate {2 * 1024**3}")
    assert await desk.run("allocate 1000000") == 1_000_000
    assert await desk.works()


async def test_it_has_memory_for_fifty_megapixels(desk: Desk) -> None:
    result = await desk.run(plain_png(8000, 6250))
    assert (result.width, result.compressed_width) == (8000, 150)


async def test_it_has_time_for_millions_of_rows(desk: Desk) -> None:
    result = await desk.run(plain_png(1, 8_000_000))
    assert (result.height, result.compressed_height) == (8_000_000, 65_500)


async def test_it_calls_a_picture_too_complex_that_needs_more_memory(tmp_path: Path) -> None:
    async with open_desk(tmp_path, limits=Limits(memory_bytes=150 * 1024 * 1024)) as desk:
        with pytest.raises(CompressionError, match="too_complex"):
            await desk.run(encoded(Image.new("RGB", (8000, 6250)), "WEBP", lossless=True, method=0))
        assert await desk.works()


async def test_it_replaces_a_child_that_was_killed_while_idle(desk: Desk) -> None:
    child = await desk.run("who")
    os.kill(child, signal.SIGKILL)
    assert await desk.works()
    os.kill(await desk.run("who"), signal.SIGKILL)
    assert await desk.run("who") != child
    assert await desk.works()


async def test_it_ends_a_broken_pool_beside_the_event_loop(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    threads, end = [], sandbox_module._end

    def watched(*pool: Any) -> None:
        threads.append(threading.current_thread())
        end(*pool)

    os.kill(await desk.run("who"), signal.SIGKILL)
    with monkeypatch.context() as patch:
        patch.setattr(sandbox_module, "_end", watched)
        assert await desk.works()
    assert threads
    assert threading.main_thread() not in threads


async def test_it_tries_again_to_start_children(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_more_processes(*_: object) -> None:
        raise BrokenProcessPool("fork: resource temporarily unavailable")

    os.kill(await desk.run("who"), signal.SIGKILL)
    with monkeypatch.context() as patch:
        patch.setattr(sandbox_module, "_new_pool", no_more_processes)
        with pytest.raises(ChildDied):
            await desk.run("who")
    assert await desk.works()


async def test_cancelling_kills_the_child_at_work(desk: Desk) -> None:
    hanging = await desk.hang()
    hanging.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await hanging.task
    assert await hanging.dies()
    assert await desk.run("who") != hanging.child
    assert await desk.works()


async def test_stopping_ends_the_child_and_tells_who_waits(desk: Desk) -> None:
    hanging = await desk.hang()
    started = time.monotonic()
    desk.sandbox.stop()
    assert time.monotonic() - started < 20  # measured: 0.3; killing is not waiting
    with pytest.raises(ChildDied):
        await hanging.task
    assert await hanging.dies()
    with pytest.raises(ChildDied):
        await desk.run("who")


async def test_it_can_be_started_again(desk: Desk) -> None:
    desk.sandbox.stop()
    desk.sandbox.start()
    assert await desk.works()


async def test_it_gives_children_a_successor_now_and_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sandbox_module, "PICTURES_PER_CHILD", 2)
    async with open_desk(tmp_path) as desk:
        children = [await desk.run("who") for _ in range(6)]
    assert len(set(children)) == 3


@pytest.fixture
def listening() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        yield server


async def test_children_do_not_inherit_the_listening_socket(listening: socket.socket, desk: Desk) -> None:
    assert os.fstat(listening.fileno()).st_ino not in await desk.run("sockets")


async def test_children_import_no_django(desk: Desk) -> None:
    modules = await desk.run("modules")
    assert "imgs.compression" in modules
    assert not {"django", "channels", "daphne", "twisted"} & set(modules)
