"""A running gallery that fills itself with generated pictures."""

import io
import itertools
import math
import os
import random
import re
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from http.cookiejar import CookieJar
from json import load
from typing import Any
from urllib.error import URLError
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

from django.conf import settings
from django.core.files.base import ContentFile
from django.core.management import BaseCommand, CommandError
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart
from PIL import Image, ImageChops, ImageColor, ImageDraw

PICTURES = 40
PAUSE_SECONDS = 0.4
LATER_SECONDS = 6.0
START_SECONDS = 120
STOP_SECONDS = 20

LONG_SIDE = 1500
FINER = 2  # drawn this much larger, then reduced: soft edges
SHAPES = ((3, 2), (4, 3), (1, 1), (2, 3), (16, 9), (3, 2), (4, 1), (3, 4), (3, 2), (9, 16), (5, 4))
PALETTES = (
    "#f4ecd8 #e8a87c #c38d9e #41617a #1f2a44",
    "#fdf6e3 #f2b134 #ed553b #20639b #173f5f",
    "#eef3ec #a8c69f #5b8e7d #2f5d62 #1e2f3b",
    "#fff1e6 #ffb4a2 #e5989b #b5838d #6d6875",
    "#e9f1f7 #9dc3e6 #5a86c5 #3b49c9 #191b4d",
    "#f7ede2 #f6bd60 #f28482 #84a59d #3d5a5b",
    "#f1faee #a8dadc #e63946 #457b9d #1d3557",
    "#faf3dd #c8d5b9 #d99000 #8fc0a9 #3f5e54",
)

Colour = tuple[int, ...]
Painter = Callable[[tuple[int, int], Sequence[Colour], random.Random], Image.Image]


class Command(BaseCommand):
    """`manage.py demo`, what `make demo` runs."""

    help = "Serve a gallery that fills itself with generated pictures, its data in var/demo unless DATA_DIR is set."
    requires_system_checks = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to serve, and how full to begin."""
        parser.add_argument("--port", default=settings.PORT, type=int, help="the port to listen on (PORT)")
        parser.add_argument("--pictures", default=PICTURES, type=int, help=f"how many to begin with ({PICTURES})")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Serve, fill an empty gallery at once, then add a picture every few seconds until interrupted."""
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            with self.gallery(options["port"]) as address:
                self.fill(Visitor(address), options["pictures"])
        except URLError as error:
            raise CommandError(f"The gallery does not take pictures: {error}") from error
        except KeyboardInterrupt:
            self.stdout.write("")

    @contextmanager
    def gallery(self, port: int) -> Iterator[str]:
        """A running gallery; its address, once it has announced itself."""
        environment = {"DATA_DIR": str(settings.BASE_DIR / "var" / "demo"), **os.environ}
        command = [sys.executable, sys.argv[0], "serve", "--port", str(port)]
        server = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)  # noqa: S603 (our own words)
        try:
            yield self.announced_address(server)
        finally:
            server.terminate()
            server.wait(STOP_SECONDS)

    def announced_address(self, server: subprocess.Popen[str]) -> str:
        """Pass on what the server says until it has named the wall. Ends with the server if that ends."""
        address = ""
        for line in server.stdout or ():
            self.stdout.write(line, ending="")
            self.stdout.flush()
            found = re.search(r"http://[^/\s]+/", line)
            address = found[0] if found else address
            if address and "/wall/" in line:
                return address
        sys.exit(server.wait())

    def fill(self, visitor: "Visitor", pictures: int) -> None:
        """Upload for ever; after an earlier run go on where that one stopped."""
        start = visitor.newest_position()
        for number in itertools.count(start):
            visitor.upload(f"{TITLES[number % len(TITLES)]} {number + 1}.jpg", picture(number))
            time.sleep(PAUSE_SECONDS if number < pictures - 1 else LATER_SECONDS)


class Visitor:
    """A person with a browser, as far as the gallery can tell."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = CookieJar()
        self.browser = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))
        self.browser.open(address, timeout=START_SECONDS).close()

    def newest_position(self) -> int:
        """The position of the newest picture, 0 in an empty gallery."""
        with self.browser.open(f"{self.address}api/v1/galleries/main/images?limit=1", timeout=START_SECONDS) as answer:
            images = load(answer)["images"]
        return int(images[0]["position"]) if images else 0

    def upload(self, name: str, content: bytes) -> None:
        """Post one picture. Raises URLError when it is not taken."""
        body = encode_multipart(BOUNDARY, {"image": ContentFile(content, name)})
        token = next(str(cookie.value) for cookie in self.cookies if cookie.name == settings.CSRF_COOKIE_NAME)
        headers = {"Content-Type": MULTIPART_CONTENT, "X-CSRFToken": token}
        self.browser.open(Request(f"{self.address}upload/", body, headers), timeout=START_SECONDS).close()  # noqa: S310


def picture(number: int) -> bytes:
    """The JPEG with this number, always the same one."""
    chance = random.Random(number)  # noqa: S311 (nothing secret)
    wide, high = SHAPES[number % len(SHAPES)]
    longest = LONG_SIDE * (2 if wide >= 4 * high else 1) // max(wide, high)
    size = (FINER * wide * longest, FINER * high * longest)
    palette = [
        ImageColor.getrgb(name)[:3] for name in PALETTES[(number + number // len(PAINTERS)) % len(PALETTES)].split()
    ]
    image = PAINTERS[number % len(PAINTERS)](size, palette, chance).reduce(FINER)
    file = io.BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def hills(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """Ridges one behind the other under a low sun."""
    width, height = size
    image = gradient(size, palette[0], palette[1])
    draw = ImageDraw.Draw(image)
    x, y, radius = width * chance.uniform(0.2, 0.8), height * chance.uniform(0.2, 0.4), height * 0.11
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), mixed(palette[0], (255, 255, 255), 0.6))
    for ridge in range(5):
        base, swing = height * (0.45 + 0.12 * ridge), height * chance.uniform(0.03, 0.09)
        turns, shift = chance.uniform(1, 2) * width / height, chance.uniform(0, 6)
        tops = []
        for step in range(201):
            at = step / 200 * math.tau * turns + shift
            tops.append((width * step / 200, base - swing * (math.sin(at) + 0.4 * math.sin(2.7 * at))))
        draw.polygon([*tops, (width, height), (0, height)], mixed(palette[2], palette[4], ridge / 4))
    return image


def discs(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """Coloured glass, overlapping."""
    image = Image.new("RGB", size, palette[0])
    for number in range(9):
        layer = Image.new("RGB", size, "white")
        radius = min(size) * chance.uniform(0.12, 0.42)
        x, y = chance.uniform(0, size[0]), chance.uniform(0, size[1])
        colour = mixed(palette[1 + number % 3], (255, 255, 255), 0.25)
        ImageDraw.Draw(layer).ellipse((x - radius, y - radius, x + radius, y + radius), colour)
        image = ImageChops.multiply(image, layer)
    return image


def arches(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """Tiles with nested quarter circles, each turned its own way."""
    image = Image.new("RGB", size, palette[0])
    draw = ImageDraw.Draw(image)
    side = math.ceil(min(size) / 4)
    for left in range(0, size[0], side):
        for top in range(0, size[1], side):
            x, y = left + side * chance.randrange(2), top + side * chance.randrange(2)
            tile = Image.new("RGB", (side, side), palette[0])
            pen = ImageDraw.Draw(tile)
            for ring, colour in enumerate(chance.sample(palette[1:], 4)):
                radius = side * (4 - ring) / 4
                box = (x - left - radius, y - top - radius, x - left + radius, y - top + radius)
                pen.ellipse(box, colour)
            image.paste(tile, (left, top))
            draw.rectangle((left, top, left + side, top + side), outline=palette[0], width=FINER * 2)
    return image


def waves(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """A sea of bands, lighter towards the horizon."""
    width, height = size
    image = Image.new("RGB", size, palette[0])
    draw = ImageDraw.Draw(image)
    bands, length = 16, chance.uniform(0.5, 0.9) * height
    for band in range(bands):
        base, shift = height * (0.12 + 0.9 * band / bands), chance.uniform(0, math.tau)
        swing = height * 0.028
        line = [(x, base + swing * math.sin(x / length * math.tau + shift)) for x in range(0, width + 20, 20)]
        share = band / (bands - 1)
        draw.polygon([*line, (width, height), (0, height)], mixed(palette[1 + band % 2], palette[3 + band % 2], share))
    return image


def panes(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """A window divided again and again."""
    image = Image.new("RGB", size, palette[0])
    draw = ImageDraw.Draw(image)
    gap, smallest = min(size) // 90, min(size) // 4

    def divide(left: int, top: int, right: int, bottom: int) -> None:
        wide, high = right - left, bottom - top
        if max(wide, high) < 2 * smallest or (max(wide, high) < 3 * smallest and chance.random() < 0.3):
            colour = mixed(chance.choice(palette), palette[0], chance.uniform(0, 0.15))
            draw.rectangle((left + gap, top + gap, right - gap, bottom - gap), colour)
        elif wide > high:
            middle = left + int(wide * chance.uniform(0.35, 0.65))
            divide(left, top, middle, bottom)
            divide(middle, top, right, bottom)
        else:
            middle = top + int(high * chance.uniform(0.35, 0.65))
            divide(left, top, right, middle)
            divide(left, middle, right, bottom)

    divide(0, 0, *size)
    return image


def orbits(size: tuple[int, int], palette: Sequence[Colour], chance: random.Random) -> Image.Image:
    """A small planetary system in the dark."""
    image = gradient(size, mixed(palette[4], (0, 0, 0), 0.5), palette[4])
    draw = ImageDraw.Draw(image)
    x, y, unit = size[0] * chance.uniform(0.4, 0.6), size[1] * chance.uniform(0.4, 0.6), min(size) / 18
    for ring in range(2, 16):
        radius = ring * unit
        draw.ellipse(
            (x - radius, y - radius, x + radius, y + radius), outline=mixed(palette[4], palette[2], 0.4), width=3
        )
        angle, planet = chance.uniform(0, math.tau), unit * chance.uniform(0.15, 0.5)
        at_x, at_y = x + radius * math.cos(angle), y + radius * math.sin(angle)
        draw.ellipse((at_x - planet, at_y - planet, at_x + planet, at_y + planet), palette[ring % 4])
    draw.ellipse((x - unit, y - unit, x + unit, y + unit), palette[1])
    return image


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """From one colour down to the other."""
    share = Image.linear_gradient("L").resize(size)
    return Image.composite(Image.new("RGB", size, bottom), Image.new("RGB", size, top), share)


def mixed(one: Colour, other: Colour, share: float) -> Colour:
    """The colour that has gone from `one` to `other` by `share`."""
    return tuple(round(a + (b - a) * share) for a, b in zip(one, other, strict=True))


PAINTERS: tuple[Painter, ...] = (hills, discs, arches, waves, panes, orbits)
TITLES = ("Hills", "Glass", "Arches", "Sea", "Window", "Orbits")
