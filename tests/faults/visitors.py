"""What visitors and staff do, by accident or on purpose."""

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

from tests.faults import staff
from tests.faults.load import Upload, picture
from tests.faults.trial import Trial
from tests.faults.waiting import happens


async def close_sockets(trial: Trial, service: str = "web") -> None:
    """The server closes websockets cleanly, with code 1000."""
    order = trial.stack.orders.give("sockets", service, times=len(trial.screens))
    await trial.stack.orders.carried_out(order)
    await asyncio.sleep(1)


async def upload_cut(trial: Trial) -> None:
    """The connection breaks in the middle of a body."""
    before = files_of(trial)
    for _ in range(5):
        writer = await begin_upload(trial)
        writer.transport.abort()
    await asyncio.sleep(0.5)
    stray = files_of(trial) - before - kept_files(trial)
    # Some have no row yet, and some are replaced by a cleaned one; a file that is left by a broken upload stays
    await happens(lambda: not (stray & files_of(trial)) - kept_files(trial))


async def upload_crawls(trial: Trial) -> None:
    """Somebody sends a byte a second, several times; others upload as ever."""
    writers = [await begin_upload(trial) for _ in range(20)]
    for _ in range(int(trial.outage(3, 10))):
        for writer in writers:
            writer.write(b"x")
        await asyncio.sleep(1)
    for writer in writers:
        writer.transport.abort()


async def clients_never_read(trial: Trial) -> None:
    """20 websockets that take nothing out of their buffers."""
    host, port = trial.stack.web_address(1).removeprefix("http://").split(":")
    deaf = []
    for _ in range(20):
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect((host, int(port)))
        connection.sendall(
            f"GET /ws/gallery/{trial.slug}/ HTTP/1.1\r\nHost: 127.0.0.1\r\nOrigin: http://127.0.0.1\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        deaf.append(connection)
    await asyncio.sleep(trial.outage(2, 5))
    for connection in deaf:
        connection.close()


async def same_key_five_times(trial: Trial) -> None:
    """The same upload, sent five times at once with one key."""
    for _ in range(5):
        upload = Upload(picture())
        await asyncio.gather(*(trial.load.send(upload) for _ in range(5)))


async def removed_twice(trial: Trial) -> None:
    """Two people remove the same pictures at the same moment."""
    uploads = [await trial.load.send(Upload(picture())) for _ in range(4)]
    images = [upload.image for upload in uploads]
    async with AsyncExitStack() as stack:
        people = [await stack.enter_async_context(staff.logged_in(trial.stack.web_address(n))) for n in (1, 2)]
        statuses = await asyncio.gather(*(person.remove(*images) for person in people))
    assert statuses == [200, 200]
    trial.expected.ends |= dict.fromkeys(images, "removed")


async def removed_while_compressed(trial: Trial) -> None:
    """A picture is removed while a child is at work on it."""
    upload = Upload(picture(444, 333))
    order = trial.stack.orders.give("child", "worker", "wait", times=1, seconds=1.5, size=len(upload.content))
    async with staff.logged_in(trial.stack.address) as person:
        await trial.load.send(upload)
        await trial.stack.orders.carried_out(order)
        assert await person.remove(upload.image) == 200
    trial.expected.ends[upload.image] = "removed"
    await asyncio.sleep(1.5)


async def begin_upload(trial: Trial) -> asyncio.StreamWriter:
    """A request that has sent half of its body."""
    host, port = trial.stack.address.removeprefix("http://").split(":")
    _reader, writer = await asyncio.open_connection(host, int(port))
    body = picture(600, 400)
    head = "POST /upload/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    part = b'--b\r\nContent-Disposition: form-data; name="image"; filename="half.jpg"\r\n\r\n'
    writer.write(f"{head}Content-Length: {len(part) + len(body)}\r\n\r\n".encode() + part + body[: len(body) // 2])
    await writer.drain()
    return writer


def files_of(trial: Trial) -> set[Path]:
    """Every original there is."""
    return set((trial.stack.media / "originals").glob("*"))


def kept_files(trial: Trial) -> set[Path]:
    """The originals that rows name."""
    return {trial.stack.media / name for (name,) in trial.stack.query("SELECT original FROM imgs_uploadedimage")}
