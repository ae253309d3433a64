"""Screens that watch a gallery by the rules of docs/protocol.md alone, as a browser's page or a wall does."""

import asyncio
import contextlib
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidHandshake, InvalidMessage, WebSocketException
from websockets.typing import Origin

ATTEMPT_SECONDS = 8.0
GAP_SECONDS = 0.25
RESUME_SECONDS = 5.0
BACKOFF_SECONDS = (0.5, 10.0)
SILENT_BEATS = 3
PAGE = 200

BROKEN = (OSError, TimeoutError, InvalidHandshake, InvalidMessage, WebSocketException, httpx.HTTPError)


class Screen:
    """One screen: what it shows, and the number up to which it knows everything.

    `finishes` are the numbers under which it was told, live, that an image is ready, and then that its renditions are;
    also that it waits for an edit, and has another revision.
    """

    def __init__(self, http: httpx.AsyncClient, slug: str, address: str) -> None:
        self.cursor = -1
        self.epoch = ""
        self.cards: dict[str, dict[str, Any]] = {}
        self.finishes: dict[tuple[str, int, bool, bool], set[int]] = {}
        self.connections = 0
        self._http = http
        self._page = f"/api/v1/galleries/{slug}/images"
        self._address = f"{address.replace('http://', 'ws://')}/ws/gallery/{slug}/"
        self._origin = Origin(address)
        self._pause = BACKOFF_SECONDS[0]
        self._socket: ClientConnection | None = None
        self._resuming = 0.0
        self._gap_since = 0.0
        self._signed: asyncio.Future[dict[str, Any]] | None = None

    async def run(self) -> None:
        """Watch until cancelled; come back after every close."""
        while True:
            try:
                async with asyncio.timeout(ATTEMPT_SECONDS):
                    if self.cursor < 0:
                        await self.load()
                    socket = await self._connect()
                self.connections += 1
                await self._watch(socket)
            except BROKEN:
                pass
            self._socket = None
            await asyncio.sleep(self._pause * random.uniform(0.5, 1))
            self._pause = min(2 * self._pause, BACKOFF_SECONDS[1])

    def start_from(self, other: "Screen") -> None:
        """Show what another screen shows."""
        self.cursor, self.epoch, self.cards = other.cursor, other.epoch, dict(other.cards)

    @property
    def is_connected(self) -> bool:
        """Whether it has a websocket now."""
        return self._socket is not None

    def shown(self) -> dict[str, tuple[int, str]]:
        """What is on the screen: number and status of each image."""
        return {image: (card["seq"], card["status"]) for image, card in self.cards.copy().items()}

    async def can_show(self, card: dict[str, Any], seconds: float = 10) -> bool:
        """Whether the small version of `card` can be fetched; after a refusal with a fresh URL, as a page does it."""
        url = card["compressed_url"]
        deadline = asyncio.get_running_loop().time() + seconds
        while asyncio.get_running_loop().time() < deadline:
            try:
                answer = await self._http.get(url)
                if answer.status_code == 200 and len(answer.content) == card["compressed_size"]:
                    return True
                await asyncio.sleep(0.3)  # at most five requests a second are answered
                url = await self._fresh_url(card["id"])
            except (*BROKEN, KeyError):
                await asyncio.sleep(0.3)
        return False

    async def _fresh_url(self, image: str) -> str:
        if self._socket is None:
            raise TimeoutError("not connected")
        self._signed = asyncio.get_running_loop().create_future()
        await self._socket.send(json.dumps({"type": "sign", "ids": [image]}))
        async with asyncio.timeout(1):
            return str((await self._signed)[image]["compressed_url"])

    async def load(self) -> None:
        """The snapshot, all of its pages."""
        cards: dict[str, dict[str, Any]] = {}
        before: int | None = None
        position: tuple[int, str] | None = None
        while True:
            query = {"limit": PAGE} | ({"before": before} if before else {})
            answer = await self._http.get(self._page, params=query)
            page = answer.raise_for_status().json()
            position = position or (page["head"], page["epoch"])
            cards |= {card["id"]: card for card in page["images"]}
            before = page["next"]
            if before is None:
                break
        self.cursor, self.epoch = position
        self.cards = cards

    async def _connect(self) -> ClientConnection:
        return await connect(
            f"{self._address}?after={self.cursor}&epoch={self.epoch}",
            origin=self._origin,
            compression=None,
            proxy=None,
            ping_interval=None,
            close_timeout=0.2,
            max_size=None,
        )

    async def _watch(self, socket: ClientConnection) -> None:
        self._socket, self._resuming, self._gap_since = socket, 0, 0
        beat = 15.0
        loop = asyncio.get_running_loop()
        began = last = loop.time()
        try:
            while True:
                if loop.time() - began > 10:
                    self._pause = BACKOFF_SECONDS[0]
                waiting = self._gap_since or self._resuming
                patience = GAP_SECONDS if waiting else min(1.0, last + SILENT_BEATS * beat - loop.time())
                try:
                    async with asyncio.timeout(max(0.01, patience)):
                        text = await socket.recv()
                except TimeoutError:
                    await self._look_at_the_clock(socket, loop.time())
                    if loop.time() - last > SILENT_BEATS * beat:
                        return
                    continue
                last = loop.time()
                message = json.loads(text)
                if message["type"] == "hello":
                    beat = message["heartbeat_seconds"]
                await self._take(message, socket)
        finally:
            with contextlib.suppress(Exception):
                await socket.close()

    async def _look_at_the_clock(self, socket: ClientConnection, now: float) -> None:
        if self._gap_since and now - self._gap_since > GAP_SECONDS:
            self._gap_since = 0
            await self._resume(socket)
        if self._resuming and now - self._resuming > RESUME_SECONDS:
            self._resuming = 0
            await self._resume(socket)

    async def _take(self, message: dict[str, Any], socket: ClientConnection) -> None:
        match message["type"]:
            case "changes":
                await self._apply(message, socket)
            case "reset":
                await self._load_again(socket)
            case "heartbeat" if message["epoch"] != self.epoch or message["head"] < self.cursor:
                await self._load_again(socket)
            case "heartbeat" if message["head"] > self.cursor:
                await self._resume(socket)
            case "signed" if self._signed and not self._signed.done():
                self._signed.set_result(message["images"])

    async def _apply(self, message: dict[str, Any], socket: ClientConnection) -> None:
        start, end = message["from"], message["to"]
        if start > self.cursor:
            self._gap_since = self._gap_since or asyncio.get_running_loop().time()
            return
        self._gap_since = self._resuming = 0
        if end <= self.cursor:
            return
        self.cursor = end
        for card in message["cards"]:
            if card["status"] == "ready":
                stage = (card["id"], card["revision"], card["edit_pending"], card["srcset"] is not None)
                self.finishes.setdefault(stage, set()).add(card["seq"])
            if card["seq"] >= self.cards.get(card["id"], card)["seq"]:
                self.cards[card["id"]] = card
        for gone in message["removed"]:
            if gone["seq"] >= self.cards.get(gone["id"], gone)["seq"]:
                self.cards.pop(gone["id"], None)
        if message["more"]:
            await self._resume(socket)

    async def _resume(self, socket: ClientConnection) -> None:
        if self._resuming:
            return
        self._resuming = asyncio.get_running_loop().time()
        await socket.send(json.dumps({"type": "resume", "after": self.cursor, "epoch": self.epoch}))

    async def _load_again(self, socket: ClientConnection) -> None:
        self._gap_since = self._resuming = 0
        await self.load()
        await self._resume(socket)


@asynccontextmanager
async def watching(slug: str, address: str, count: int) -> AsyncIterator[list[Screen]]:
    """So many connected screens, until the block ends. They share their first snapshot."""
    async with httpx.AsyncClient(base_url=address, timeout=10, trust_env=False) as http:
        screens = [Screen(http, slug, address) for _ in range(count)]
        await screens[0].load()
        for screen in screens[1:]:
            screen.start_from(screens[0])
        tasks = [asyncio.create_task(screen.run()) for screen in screens]
        try:
            async with asyncio.timeout(120):
                while not all(screen.connections for screen in screens):
                    await asyncio.sleep(0.05)
            yield screens
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
