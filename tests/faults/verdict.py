"""What the promise is measured by: database, disk and every screen, compared after a fault."""

import asyncio
import io
import json
import sqlite3
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg2
from PIL import Image, ImageChops, ImageStat

from imgs.metadata import clean
from tests.faults.fleet import FaultyFleet
from tests.faults.leftovers import left_behind
from tests.faults.load import Load
from tests.faults.screens import Screen
from tests.faults.server import FaultyServer

PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.1
DIFFERENCE_MAX = 12.0  # of the same picture, made smaller, it is 3 at most; of others more than 50
AGREED_SECONDS = 2.0  # longer than any message is late


@dataclass
class Row:
    """One image as the database has it."""

    image: str
    seq: int
    status: str
    error: str
    key: UUID
    sha256: str
    original: Path
    compressed: Path | None
    compressed_size: int | None
    work: str
    revision: int
    edit: dict[str, Any]
    renditions: dict[Path, int]  # their sizes in bytes


@dataclass
class Expected:
    """What a fault rightly brings about, and the verdict is to take for that.

    `ends` is how images end that are not to become `ready`, by id: a reason, or `removed`. `turned` is by how many
    degrees images were turned once, by id; no others have a second revision. `leftovers` is what an audit may find, in
    its words: STRAYS where somebody was killed or could not ask the database about a file.
    """

    ends: dict[str, str] = field(default_factory=dict)
    turned: dict[str, int] = field(default_factory=dict)
    leftovers: tuple[str, ...] = ()


@dataclass
class Verdict:
    """How one fault ended. The lists name images, files and screens, with what is wrong with them; `errors` are answers
    that nobody should have got, though no promise was broken by them."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    diverged: list[str] = field(default_factory=list)
    spoiled: list[str] = field(default_factory=list)
    leftover: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    seconds: float = 0.0
    uploads: int = 0

    @property
    def kept(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.doubled or self.stuck or self.diverged or self.spoiled or self.leftover)


async def reach(
    stack: FaultyFleet | FaultyServer,
    gallery: int,
    load: Load,
    screens: list[Screen],
    expected: Expected,
    healed: float,
) -> Verdict:
    """Wait until everything has ended and every screen agrees, PATIENCE_SECONDS at most; say what does not.

    `healed` is when the fault ended, by time.monotonic(): from then on the seconds count. Agreement must last:
    AGREED_SECONDS later, while an audit looks at the disk, the screens are looked at once more, since a late message
    may spoil one that was right.
    """
    rows = await _settled_rows(stack, gallery, screens)
    verdict = Verdict(seconds=time.monotonic() - healed, uploads=len(load.uploads))
    if rows is None:
        verdict.stuck.append("the database")
        return verdict
    _judge_uploads(verdict, load, rows, expected)
    _judge_rows(verdict, load, rows)
    _judge_edits(verdict, load, rows, expected)
    audit = asyncio.to_thread(left_behind, stack, expected.leftovers)
    verdict.leftover, _ = await asyncio.gather(audit, asyncio.sleep(AGREED_SECONDS))
    _judge_screens(verdict, rows, screens)
    await _judge_pictures(verdict, screens)
    return verdict


def rows_of(stack: FaultyFleet | FaultyServer, gallery: int) -> list[Row]:
    """Every row of one gallery, tombstones too. Raises a database error."""
    columns = (
        "uuid, seq, status, error_code, upload_key, sha256, original, compressed, compressed_size, work, revision,"
        " edit, renditions"
    )
    found = stack.query(f"SELECT {columns} FROM imgs_uploadedimage WHERE gallery_id = %s ORDER BY position", gallery)
    return [_row(stack.media, values) for values in found]


def _row(media: Path, values: tuple[Any, ...]) -> Row:
    image, seq, status, error, key, sha256, original, compressed, compressed_size, work, revision, *documents = values
    edit, renditions = (json.loads(text) if isinstance(text, str) else text for text in documents)
    return Row(
        str(UUID(str(image))),
        seq,
        status,
        error,
        UUID(str(key)),
        sha256,
        media / original,
        media / compressed if compressed else None,
        compressed_size,
        work,
        revision,
        edit,
        {media / rendition["name"]: rendition["size"] for rendition in renditions},
    )


async def _settled_rows(stack: FaultyFleet | FaultyServer, gallery: int, screens: list[Screen]) -> list[Row] | None:
    """The rows as soon as all agree, or as they are when patience is at its end."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        rows = await _rows_or_none(stack, gallery)
        if (rows is not None and _has_settled(rows, screens)) or time.monotonic() > deadline:
            return rows
        await asyncio.sleep(LOOK_SECONDS)


async def _rows_or_none(stack: FaultyFleet | FaultyServer, gallery: int) -> list[Row] | None:
    try:
        return await asyncio.to_thread(rows_of, stack, gallery)
    except (psycopg2.Error, sqlite3.Error):
        return None


def _has_settled(rows: list[Row], screens: list[Screen]) -> bool:
    shown = {row.image: (row.seq, row.status) for row in rows if row.status != "removed"}
    agreed = all(screen.is_connected and screen.shown() == shown for screen in screens)
    return agreed and all(row.work == "none" for row in rows)


def _judge_uploads(verdict: Verdict, load: Load, rows: list[Row], expected: Expected) -> None:
    """Every accepted upload has one row and ended as it should; no key has two."""
    by_id = {row.image: row for row in rows}
    for upload in load.uploads:
        if upload.refusal:
            verdict.errors.append(upload.refusal)
        if len(upload.answers) > 1 or sum(row.key == UUID(upload.key) for row in rows) > 1:
            verdict.doubled.append(f"{upload.key}: {sorted(upload.answers)}")
        row = by_id.get(upload.image)
        if upload.image and (row is None or row.sha256 != upload.sha256):
            verdict.lost.append(upload.image)
        elif row and row.work != "none":
            verdict.stuck.append(upload.image)
        elif row and (row.error or row.status) != expected.ends.get(row.image, "ready"):
            verdict.spoiled.append(f"{row.image}: {row.status} {row.error}")
    verdict.stuck += [row.image for row in rows if row.work != "none" and row.image not in verdict.stuck]


def _judge_rows(verdict: Verdict, load: Load, rows: list[Row]) -> None:
    """No row names a file that is not whole. A picture that is shown was cleaned."""
    received = {upload.image: upload.content for upload in load.uploads}
    for row in rows:
        if row.status == "removed":
            continue
        content = received.get(row.image)
        kept = clean(content, "JPEG") if content and row.status == "ready" else content
        if not row.original.exists() or (content and row.original.read_bytes() != kept):
            verdict.lost.append(f"{row.image}: its original")
        for path, size in row.renditions.items():
            if not path.exists() or path.stat().st_size != size:
                verdict.lost.append(f"{row.image}: {path.name}")
        if row.status == "ready" and not (
            row.compressed and row.compressed.exists() and row.compressed.stat().st_size == row.compressed_size
        ):
            verdict.lost.append(f"{row.image}: its small version")


def _judge_edits(verdict: Verdict, load: Load, rows: list[Row], expected: Expected) -> None:
    """What was turned has its second revision, and looks like it; nothing else has one."""
    received = {upload.image: upload.content for upload in load.uploads}
    for row in rows:
        if row.status != "ready":
            continue
        degrees = expected.turned.get(row.image, 0)
        if (row.revision, row.edit["rotation"]) != (2 if degrees else 1, degrees):
            verdict.spoiled.append(f"{row.image}: revision {row.revision}, turned by {row.edit['rotation']}")
        elif degrees and row.compressed and row.compressed.exists():
            difference = difference_of(row.compressed, received[row.image], degrees)
            if difference > DIFFERENCE_MAX:
                verdict.spoiled.append(f"{row.image}: not what it is turned by {degrees}, off by {difference:.0f}")


def difference_of(small: Path, content: bytes, degrees: int) -> float:
    """How far a small version is from `content` turned clockwise: per pixel and colour, from 0 to 255."""
    with Image.open(small) as found, Image.open(io.BytesIO(content)) as original:
        wanted = original.rotate(-degrees, expand=True).resize(found.size)
        if (found.width > found.height) != (original.width > original.height) ^ (degrees % 180 == 90):
            return 255.0
        return sum(ImageStat.Stat(ImageChops.difference(found.convert("RGB"), wanted)).mean) / 3


def _judge_screens(verdict: Verdict, rows: list[Row], screens: list[Screen]) -> None:
    shown = {row.image: (row.seq, row.status) for row in rows if row.status != "removed"}
    verdict.doubled += {
        f"{image[0]}: finished at {sorted(numbers)}"
        for screen in screens
        for image, numbers in screen.finishes.items()
        if len(numbers) > 1
    }
    for number, screen in enumerate(screens):
        if not screen.is_connected:
            verdict.diverged.append(f"screen {number} is not connected")
        elif screen.shown() != shown:
            wrong = set(shown.items()) ^ set(screen.shown().items())
            verdict.diverged.append(f"screen {number} at {screen.cursor}: {sorted(wrong)[:4]} of {len(wrong)}")


async def _judge_pictures(verdict: Verdict, screens: list[Screen]) -> None:
    """What the first screens show can be fetched: with the URL in hand, or else with a fresh one."""
    for screen in screens[:3]:
        ready = [card for card in screen.cards.values() if card["status"] == "ready"][-5:]
        for card in ready:
            if not await screen.can_show(card):
                verdict.diverged.append(f"a picture can't be fetched: {card['compressed_url']}")
