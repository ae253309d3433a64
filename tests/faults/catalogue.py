"""Every fault the promise is tested against. Each function returns when its fault has ended."""

import asyncio
import os
import random
import signal
import socket
from contextlib import AsyncExitStack, suppress
from functools import partial
from pathlib import Path

import httpx
import psycopg2
import redis.asyncio

from tests.faults import staff
from tests.faults.fleet import can_mount, fill, volume
from tests.faults.load import Upload, picture
from tests.faults.screens import watching
from tests.faults.trial import Fault, Trial
from tests.faults.verdict import rows_of

WEB = ("web.1", "web.2")
LEASE_SECONDS = 3
RESTART_SECONDS = 20


async def kill_at(trial: Trial, service: str, point: str, *, seconds: float = 0) -> None:
    """kill -9 whichever process of a service reaches a point first."""
    order = trial.stack.orders.give(point, service, "SIGKILL", times=1, seconds=seconds)
    (pid,) = await trial.stack.orders.carried_out(order)
    await happens(lambda: not Path(f"/proc/{pid}").exists())
    await all_run(trial)


async def terminate(trial: Trial, service: str) -> None:
    """SIGTERM under load: what an update does to one process after the other."""
    for number in (1, 2):
        name = f"{service}.{number}"
        pid = trial.stack.send(name, signal.SIGTERM)
        await happens(partial(trial.stack.runs_anew, name, pid))
        if service == "web":
            await happens(partial(is_ready, trial.stack.web_address(number)))


async def suspend_worker(trial: Trial, points: str, seconds: float) -> None:
    """A worker sleeps past its lease; another takes its picture; it wakes and must not finish over that one."""
    order = trial.stack.orders.give(random.choice(points.split()), "worker", "SIGSTOP", times=1)
    (pid,) = await trial.stack.orders.carried_out(order)
    await asyncio.sleep(seconds)
    os.kill(pid, signal.SIGCONT)
    await asyncio.sleep(0.5)


async def suspend_web(trial: Trial) -> None:
    """A web process stands still with its sockets open."""
    pid = trial.stack.send("web.1", signal.SIGSTOP)
    await asyncio.sleep(trial.outage(3, 8))
    os.kill(pid, signal.SIGCONT)


async def crash_children(trial: Trial, service: str = "worker") -> None:
    """The decoder crashes: the child, not the worker, is gone."""
    order = trial.stack.orders.give("child", service, "SIGSEGV", times=2)
    await trial.stack.orders.carried_out(order)
    await asyncio.sleep(0.5)


async def poison(trial: Trial) -> None:
    """One picture among 50 crashes whoever decodes it."""
    hostile = Upload(picture(333, 222), "poison.jpg")
    trial.stack.orders.give("child", "worker", "SIGSEGV", size=len(hostile.content))
    good = [Upload(picture()) for _ in range(50)]
    mixed = [*good[:25], hostile, *good[25:]]
    for start in range(0, len(mixed), 5):
        await asyncio.gather(*(trial.load.send(upload) for upload in mixed[start : start + 5]))
    trial.expected[hostile.image] = "processing_failed"
    await ended(trial, hostile.image)


async def hang_child(trial: Trial) -> None:
    """The decoder hangs and is killed at its deadline, or the pictures around it would wait for ever."""
    order = trial.stack.orders.give("child", "worker", "wait", times=1, seconds=trial.outage(8, 30))
    await trial.stack.orders.carried_out(order)
    await asyncio.sleep(trial.outage(8, 22))


async def close_sockets(trial: Trial, service: str = "web") -> None:
    """The server closes websockets cleanly, with code 1000."""
    order = trial.stack.orders.give("sockets", service, times=len(trial.screens))
    await trial.stack.orders.carried_out(order)
    await asyncio.sleep(1)


async def restart_web(trial: Trial) -> None:
    """Both web processes restart at once, and every client comes back at once."""
    pids = {name: trial.stack.send(name, signal.SIGTERM) for name in WEB}
    for name, pid in pids.items():
        await happens(partial(trial.stack.runs_anew, name, pid))


async def restart_server(trial: Trial) -> None:
    """SIGTERM under load, and a new process in its place."""
    pid = trial.stack.send("serve.1", signal.SIGTERM)
    await happens(partial(trial.stack.runs_anew, "serve.1", pid))


async def spoil_messages(trial: Trial, act: str, seconds: float = 0) -> None:
    """Every message between processes is dropped, doubled, or late and out of order, the very last one too."""
    for service in ("web", "worker"):
        trial.stack.orders.give("messages", service, act, seconds=seconds)
    await asyncio.sleep(trial.outage(2, 5))
    trial.load.finish()
    await happens(lambda: all(upload.image for upload in trial.load.uploads))
    await happens(lambda: all(row.status != "queued" for row in rows_of(trial.stack, trial.gallery)))


async def redis_away(trial: Trial) -> None:
    """Nobody answers on Redis' port."""
    trial.stack.hold("redis.1")
    await goes_on(trial)
    await asyncio.sleep(trial.outage(2, 58))
    trial.stack.let_go("redis.1")
    await all_run(trial)


async def redis_hangs(trial: Trial) -> None:
    """Redis takes connections and says nothing."""
    pid = trial.stack.send("redis.1", signal.SIGSTOP)
    try:
        await goes_on(trial)
        await asyncio.sleep(trial.outage(2, 58))
    finally:
        os.kill(pid, signal.SIGCONT)


async def goes_on(trial: Trial) -> None:
    """Somebody who comes now sees what is uploaded now, become ready."""
    async with asyncio.timeout(15), watching(trial.slug, trial.stack.address, 2) as newcomers:
        upload = await trial.load.send(Upload(picture()))
        while any(screen.shown().get(upload.image, (0, ""))[1] != "ready" for screen in newcomers):
            await asyncio.sleep(0.05)


async def redis_restarts(trial: Trial) -> None:
    """Redis ends and is there again, having forgotten everything."""
    trial.stack.kill("redis.1")
    await all_run(trial)


async def redis_flushed(trial: Trial) -> None:
    """Somebody empties Redis."""
    client = redis.asyncio.from_url(trial.stack.settings["REDIS_URL"])  # type: ignore[no-untyped-call]
    await client.flushall()
    await client.aclose()


async def database_crashes(trial: Trial) -> None:
    """PostgreSQL ends in immediate mode, and recovers."""
    trial.stack.send("db.1", signal.SIGQUIT)
    await asyncio.sleep(0.3)
    await happens(lambda: answers(trial))


async def database_away(trial: Trial) -> None:
    """PostgreSQL is gone for a while."""
    trial.stack.hold("db.1")
    await asyncio.sleep(trial.outage(3, 20))
    trial.stack.let_go("db.1")
    await happens(lambda: answers(trial))


async def media_full(trial: Trial) -> None:
    """Not a byte more fits on the disk of pictures; removals still work."""
    await asyncio.sleep(0.5)
    ballast = fill(trial.stack.media)
    try:
        await remove_one(trial)
        await asyncio.sleep(trial.outage(2, 5))
    finally:
        ballast.unlink()


async def media_nearly_full(trial: Trial) -> None:
    """A little is left, and less and less: some files fit and some don't, in the middle of being written."""
    ballast = fill(trial.stack.media, leave_bytes=random.randrange(20_000, 400_000))
    await asyncio.sleep(trial.outage(2, 5))
    ballast.unlink()


async def temporary_files_full(trial: Trial) -> None:
    """There is no room for files on their way."""
    with volume(trial.stack.media / "tmp", 0.0625) as small:
        small.chmod(0o777)
        fill(small)
        await asyncio.sleep(trial.outage(2, 5))


async def database_disk_full(trial: Trial) -> None:
    """PostgreSQL can't write any more; when there is room it recovers."""
    ballast = fill(trial.stack.folder / "db")
    try:
        await asyncio.sleep(trial.outage(3, 6))
    finally:
        ballast.unlink()
    await happens(lambda: answers(trial), 60)


async def one_disk_full(trial: Trial) -> None:
    """Pictures, temporary files and the database lie on one disk, and it is full."""
    ballast = fill(trial.stack.data)
    await asyncio.sleep(trial.outage(2, 5))
    ballast.unlink()


async def upload_cut(trial: Trial) -> None:
    """The connection breaks in the middle of a body."""
    before = files_of(trial)
    for _ in range(5):
        writer = await begin_upload(trial)
        writer.transport.abort()
    await asyncio.sleep(0.5)
    assert not files_of(trial) - before - kept_files(trial), "a broken upload left a file"


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
    trial.expected |= dict.fromkeys(images, "removed")


async def removed_while_compressed(trial: Trial) -> None:
    """A picture is removed while a child is at work on it."""
    upload = Upload(picture(444, 333))
    order = trial.stack.orders.give("child", "worker", "wait", times=1, seconds=1.5, size=len(upload.content))
    async with staff.logged_in(trial.stack.address) as person:
        await trial.load.send(upload)
        await trial.stack.orders.carried_out(order)
        assert await person.remove(upload.image) == 200
    trial.expected[upload.image] = "removed"
    await asyncio.sleep(1.5)


async def clock_wrong(trial: Trial, process: str, seconds: float) -> None:
    """The clock of one machine is two hours off; what it signs must work everywhere meanwhile."""
    trial.stack.orders.give("clock", process, seconds=seconds)
    await asyncio.sleep(trial.outage(2, 4))
    for screen in trial.screens[:3]:
        for card in [card for card in screen.cards.values() if card["status"] == "ready"][-3:]:
            assert await screen.can_show(card), "a picture can't be fetched while a clock is wrong"


async def remove_one(trial: Trial) -> None:
    """Remove a picture that is ready."""
    ready = [image for image, (_, status) in trial.screens[0].shown().items() if status == "ready"]
    if ready:
        async with staff.logged_in(trial.stack.address) as person:
            assert await person.remove(ready[0]) == 200
        trial.expected[ready[0]] = "removed"


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


async def ended(trial: Trial, image: str) -> None:
    """Wait until an image is no longer in the queue, as the first screen shows it."""
    await happens(lambda: trial.screens[0].shown().get(image, (0, "queued"))[1] != "queued", 60)


async def all_run(trial: Trial) -> None:
    """Wait until every replica has a process again."""
    await happens(lambda: all(trial.stack.is_running(name) for name in trial.stack.replicas))


def is_ready(address: str) -> bool:
    """Whether a web process says that it is."""
    with suppress(httpx.HTTPError):
        return httpx.get(f"{address}/readyz", timeout=2, trust_env=False).status_code == 200
    return False


def answers(trial: Trial) -> bool:
    """Whether the database takes connections."""
    with suppress(psycopg2.Error, OSError):
        return bool(trial.stack.query("SELECT 1"))
    return False


async def happens(condition: object, seconds: float = RESTART_SECONDS) -> None:
    """Wait until `condition()` holds. Raises TimeoutError."""
    async with asyncio.timeout(seconds):
        while not await asyncio.to_thread(condition):  # type: ignore[arg-type]
            await asyncio.sleep(0.05)


FAULTS = [
    Fault("worker killed, picture claimed", partial(kill_at, service="worker", point="claimed")),
    Fault("worker killed during decode", partial(kill_at, service="worker", point="decode", seconds=0.002)),
    Fault("worker killed before its result is stored", partial(kill_at, service="worker", point="store")),
    Fault("worker killed after its result is stored", partial(kill_at, service="worker", point="stored")),
    Fault("worker killed before its commit", partial(kill_at, service="worker", point="commit")),
    Fault("worker killed after its commit", partial(kill_at, service="worker", point="committed")),
    Fault("worker killed at its notice", partial(kill_at, service="worker", point="notify")),
    Fault("workers told to stop", partial(terminate, service="worker")),
    Fault(
        "worker suspended past its lease",
        partial(suspend_worker, points="decode store stored", seconds=LEASE_SECONDS + 2),
    ),
    Fault("worker suspended in its transaction", partial(suspend_worker, points="commit", seconds=12)),
    Fault("decoder crashes", crash_children),
    Fault("decoder hangs", hang_child),
    Fault("a poison picture among 50", poison, load=False),
    Fault("web killed before an original is stored", partial(kill_at, service="web", point="store")),
    Fault("web killed after an original is stored", partial(kill_at, service="web", point="stored")),
    Fault("web killed before its commit", partial(kill_at, service="web", point="commit")),
    Fault("web killed after its commit, unanswered", partial(kill_at, service="web", point="committed")),
    Fault("web told to stop", partial(terminate, service="web")),
    Fault("web suspended", suspend_web),
    Fault("websockets closed cleanly", close_sockets),
    Fault("1,000 clients come back at once", restart_web, screens=1000),
    Fault("every message dropped", partial(spoil_messages, act="drop")),
    Fault("every message doubled", partial(spoil_messages, act="double")),
    Fault("messages late and out of order", partial(spoil_messages, act="delay", seconds=1.5)),
    Fault("Redis away", redis_away),
    Fault("Redis hangs", redis_hangs),
    Fault("Redis restarted", redis_restarts),
    Fault("Redis flushed", redis_flushed),
    Fault("database crashes", database_crashes),
    Fault("database away", database_away),
    Fault("upload cut at half", upload_cut),
    Fault("uploads at a byte a second", upload_crawls),
    Fault("20 clients never read", clients_never_read),
    Fault("one key five times", same_key_five_times),
    Fault("two removals at once", removed_twice),
    Fault("removed while compressed", removed_while_compressed),
    Fault("web clock two hours ahead", partial(clock_wrong, process="web.1", seconds=7200)),
    Fault("web clock two hours behind", partial(clock_wrong, process="web.1", seconds=-7200)),
    Fault("worker clocks two hours ahead", partial(clock_wrong, process="worker", seconds=7200)),
    Fault("worker clocks two hours behind", partial(clock_wrong, process="worker", seconds=-7200)),
]
if can_mount():
    FAULTS += [
        Fault("disk of pictures full", media_full),
        Fault("disk of pictures nearly full", media_nearly_full),
        Fault("no room for temporary files", temporary_files_full),
        Fault("disk of the database full", database_disk_full),
    ]
FAULTS += [
    Fault(f"one process: {name}", inject, embedded=True)
    for name, inject in {
        "killed before an original is stored": partial(kill_at, service="serve", point="store"),
        "killed before a commit": partial(kill_at, service="serve", point="commit"),
        "killed after a commit": partial(kill_at, service="serve", point="committed"),
        "killed, picture claimed": partial(kill_at, service="serve", point="claimed"),
        "killed during decode": partial(kill_at, service="serve", point="decode", seconds=0.002),
        "told to stop": restart_server,
        "decoder crashes": partial(crash_children, service="serve"),
        "websockets closed cleanly": partial(close_sockets, service="serve"),
        "one key five times": same_key_five_times,
        "two removals at once": removed_twice,
    }.items()
]
if can_mount():
    FAULTS.append(Fault("one process: disk full", one_disk_full, embedded=True))
SLOW = {
    "Redis away",
    "Redis hangs",
    "Redis restarted",
    "database away",
    "database crashes",
    "disk of the database full",
}
