"""What happens in a gallery in the course of days: uploads of all kinds, removals, people who look in and go."""

import contextlib
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from PIL import Image, ImageDraw
from websockets.sync.client import connect

from tests import pictures
from tests.browser.gallery_server import LiveGallery

SHAPES = [(640, 480), (480, 640), (900, 300), (200, 900), (500, 500), (1600, 1000), (120, 90), (64, 64)]
REMOVAL_EVERY, DAMAGED_EVERY, HEAVY_EVERY = 6, 17, 4
STILL_FETCHED = 30  # of the newest, screens may be fetching some: to remove one would make a console complain


class Traffic:
    """Uploads into one gallery, one a second once started; every sixth second staff removes an earlier picture."""

    def __init__(self, gallery: LiveGallery, other: LiveGallery) -> None:
        self.gallery, self.other = gallery, other
        self.accepted = self.removed = 0
        self.errors: list[str] = []
        self._number = 0
        self._chance = random.Random(7)
        self._names: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(part,)) for part in (self._upload, self._look_in)]

    def burst(self, count: int) -> None:
        """Upload `count` pictures as fast as they are taken."""
        with ThreadPoolExecutor(2) as pool:
            for name in pool.map(self._upload_one, range(self._number, self._number + count)):
                self._names.append(name)
        self._number += count

    def start(self) -> None:
        """Go on until stopped."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Stop, and wait for what is under way."""
        self._over.set()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _run(self, act: Any) -> None:
        while not self._over.wait(1):
            try:
                act()
            except Exception as error:  # noqa: BLE001 (whatever it is, the soak has failed and says so)
                self.errors.append(f"{act.__name__}: {type(error).__name__}: {error}")

    def _upload(self) -> None:
        self._names.append(self._upload_one(self._number))
        self._number += 1
        if self._number % REMOVAL_EVERY == 0:
            settled = max(1, len(self._names) - STILL_FETCHED)
            self.gallery.remove(self._names.pop(self._chance.randrange(settled)))
            self.removed += 1

    def _upload_one(self, number: int) -> str:
        name = f"picture-{number:06d}.jpg"
        self.gallery.upload(picture(number), name)
        self.accepted += 1
        return name

    def _look_in(self) -> None:
        """Somebody opens another gallery; every second one goes without a word."""
        address = f"{self.other.server.url.replace('http', 'ws')}/ws/gallery/{self.other.slug}/"
        with connect(address, origin=self.other.server.url) as socket:  # type: ignore[arg-type]  # a str by another name
            socket.recv(timeout=10)
            if self._chance.random() < 0.5:
                with contextlib.suppress(OSError):
                    socket.socket.shutdown(2)


def picture(number: int) -> bytes:
    """The picture with this number: photographs and flat ones of all shapes, damaged ones, and some of noise, whose
    small version has more than the 8 KB that a live message carries."""
    width, height = SHAPES[number % len(SHAPES)]
    if number % DAMAGED_EVERY == 5:
        whole = pictures.photo(width, height, seed=number)
        return whole[: len(whole) // 2]
    if number % HEAVY_EVERY == 1:
        return pictures.encoded(Image.effect_noise((300, 900), 90 + number % 60).convert("RGB"), "JPEG")
    if number % 3 == 0:
        return pictures.photo(width, height, seed=number)
    chance = random.Random(number)
    image = Image.new("RGB", (width, height), tuple(chance.randrange(256) for _ in "rgb"))
    ImageDraw.Draw(image).ellipse((5, 5, width // 2, height // 2), tuple(chance.randrange(256) for _ in "rgb"))
    return pictures.encoded(image, chance.choice(["JPEG", "PNG", "WEBP"]))
