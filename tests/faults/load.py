"""Uploads as the page sends them: with a key, and again with the same key after answers that pass.

Only the waiting is shorter: AGAIN_SECONDS, where the page waits for as long as it is told, and for 20 to 40 s after a
507. Any other answer, such as a 500 or a 403 (the token is always fresh here), ends the upload and is an error.
"""

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
AGAIN = {408, 429, 502, 503, 504, 507}


class Refused(Exception):
    """An answer after which the page gives an upload up."""


@dataclass
class Upload:
    """One file on its way. `image` is the id of its card, once it was accepted; `refusal` why it never will be."""

    content: bytes
    name: str = "picture.jpg"
    key: str = field(default_factory=lambda: str(uuid4()))
    image: str = ""
    refusal: str = ""
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
        """Bring one upload to its end, however often that takes. Raises Refused."""
        if upload not in self.uploads:
            self.uploads.append(upload)
        while True:
            with suppress(httpx.TransportError):
                answer = await self._post(upload)
                if answer.status_code == 202:
                    upload.image = answer.json()["image"]["id"]
                    upload.answers.add(upload.image)
                    return upload
                if answer.status_code not in AGAIN:
                    upload.refusal = f"{upload.key}: refused with {answer.status_code}: {answer.text[:300]}"
                    raise Refused(upload.refusal)
            await asyncio.sleep(AGAIN_SECONDS)

    async def turn(self, image: str, degrees: int, address: str = "") -> int:
        """Have a picture turned that was not edited yet, by the web process at `address` if need be.

        Returns the status of the answer, 0 when none came.
        """
        with suppress(httpx.TransportError):
            wanted = {"revision": 1, "rotation": degrees}
            path = f"/api/v1/galleries/{self._slug}/images/{image}/edits"
            return (await self._http.post(f"{address}{path}", json=wanted)).status_code
        return 0

    async def _post(self, upload: Upload) -> httpx.Response:
        return await self._http.post(
            "/upload/",
            data={"gallery": self._slug, "key": upload.key},
            files={"image": (upload.name, upload.content)},
            headers={"X-CSRFToken": self._http.cookies["csrftoken"], "Accept": "application/json"},
        )

    async def _one_after_the_other(self) -> None:
        while self._going:
            with suppress(Refused):
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
