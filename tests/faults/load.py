"""Uploads as the page sends them: with a key, and again with the same key until they are answered."""

import asyncio
import hashlib
import io
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import httpx
from PIL import Image

AT_ONCE = 4
PAUSE_SECONDS = 0.05
AGAIN_SECONDS = 0.3
AGAIN = {403, 429, 500, 502, 503, 504, 507}  # 403: an answer of the proxy's; 500 is counted as a defect


@dataclass
class Upload:
    """One file on its way. `image` is the id of its card, once it was accepted."""

    content: bytes
    name: str = "picture.jpg"
    key: str = field(default_factory=lambda: str(uuid4()))
    image: str = ""
    statuses: list[int] = field(default_factory=list)
    answers: set[str] = field(default_factory=set)

    @property
    def sha256(self) -> str:
        """What the row must say."""
        return hashlib.sha256(self.content).hexdigest()


class Load:
    """One visitor who uploads picture after picture, AT_ONCE at a time."""

    def __init__(self, http: httpx.AsyncClient, slug: str) -> None:
        self.uploads: list[Upload] = []
        self._http = http
        self._slug = slug
        self._going = True

    async def run(self) -> None:
        """Go on until `finish`."""
        await asyncio.gather(*(self._one_after_the_other() for _ in range(AT_ONCE)))

    def finish(self) -> None:
        """Begin no more uploads; those begun are brought to their end."""
        self._going = False

    async def send(self, upload: Upload) -> Upload:
        """Bring one upload to its end, however often that takes. Raises when it is refused for good."""
        if upload not in self.uploads:
            self.uploads.append(upload)
        while True:
            try:
                answer = await self._post(upload)
            except httpx.TransportError:
                upload.statuses.append(0)
            else:
                upload.statuses.append(answer.status_code)
                if answer.status_code == 202:
                    upload.image = answer.json()["image"]["id"]
                    upload.answers.add(upload.image)
                    return upload
                if answer.status_code not in AGAIN:
                    raise AssertionError(f"refused with {answer.status_code}: {answer.text[:300]}")
            await asyncio.sleep(AGAIN_SECONDS)

    async def _post(self, upload: Upload) -> httpx.Response:
        return await self._http.post(
            "/upload/",
            data={"gallery": self._slug, "key": upload.key},
            files={"image": (upload.name, upload.content)},
            headers={"X-CSRFToken": self._http.cookies["csrftoken"], "Accept": "application/json"},
        )

    async def _one_after_the_other(self) -> None:
        while self._going:
            await self.send(Upload(picture()))
            await asyncio.sleep(PAUSE_SECONDS)


@asynccontextmanager
async def visiting(address: str, slug: str) -> AsyncIterator[Load]:
    """A visitor with the cookies that the page gives."""
    async with httpx.AsyncClient(base_url=address, timeout=15, trust_env=False) as http:
        await open_page(http, slug)
        yield Load(http, slug)


async def open_page(http: httpx.AsyncClient, slug: str) -> None:
    """Open the page, as soon as it is to be had."""
    async with asyncio.timeout(60):
        while True:
            with suppress(httpx.HTTPError):
                (await http.get(f"/g/{slug}/")).raise_for_status()
                return
            await asyncio.sleep(0.1)


def picture(width: int = 0, height: int = 0, **options: Any) -> bytes:
    """The bytes of a picture unlike any other."""
    size = (width or random.randrange(200, 900), height or random.randrange(150, 700))
    seed = Image.frombytes("RGB", (8, 8), random.randbytes(192))
    buffer = io.BytesIO()
    seed.resize(size, Image.Resampling.BICUBIC).save(buffer, "JPEG", comment=str(time.time_ns()), **options)
    return buffer.getvalue()
