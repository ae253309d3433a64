"""The change feed of a gallery: the next number, what came since a number, and a snapshot to start from."""

import time
from typing import Any, Literal, TypedDict
from uuid import UUID

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Now

from imgs import cards, notify
from imgs.clock import clock
from imgs.models import Gallery, UploadedImage

REPLAY_MAX = 1000
PAGE_MAX = 200


class Tombstone(TypedDict):
    id: str
    seq: int


Changes = TypedDict(
    "Changes",
    {
        "type": Literal["changes"],
        "from": int,
        "to": int,
        "cards": list[cards.Card],
        "removed": list[Tombstone],
        "more": bool,
    },
)


class Position(TypedDict):
    head: int
    epoch: str
    floor: int


class Snapshot(TypedDict):
    """One page of a gallery, newest first. Changes since `head` bring it up to date."""

    epoch: str
    head: int
    images: list[cards.Card]
    next: int | None


def take_number(gallery_id: int) -> tuple[int, str]:
    """The next number of the feed, and the epoch it counts in.

    Locks the gallery until the transaction ends; take it before touching an image. Raises Gallery.DoesNotExist.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("a number is taken in the transaction that uses it")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE imgs_gallery SET head = head + 1 WHERE id = %s RETURNING head, epoch", [gallery_id])
        row = cursor.fetchone()
    if row is None:
        raise Gallery.DoesNotExist(f"no gallery {gallery_id}")
    return int(row[0]), str(row[1])


class Lost(Exception):
    """The row is not in the state this change starts from: another worker or a person was first."""


def change(rows: QuerySet[UploadedImage], gallery_id: int, **values: Any) -> UploadedImage:
    """Change the one image that `rows` selects and stamp it with the next number. Raises Lost when it selects none."""
    with transaction.atomic():
        number, _epoch = take_number(gallery_id)
        if not rows.update(seq=number, **values):
            raise Lost
        return UploadedImage.objects.select_related("gallery").get(gallery_id=gallery_id, seq=number)


def announce(image: UploadedImage, compressed: bytes = b"") -> None:
    """Once the transaction has committed, show viewers the image as it is now, its small version included.

    Its gallery has the epoch that the number was taken in: after a restore the message means nothing.
    """
    gallery, epoch = image.gallery_id, image.gallery.epoch

    def send() -> None:
        notify.viewers(gallery, epoch, dict(_changes(image.seq - 1, image.seq, [image], compressed=compressed)))

    transaction.on_commit(send, robust=True)


def position_of(gallery_id: int) -> Position:
    """Where the feed of a gallery stands; tells the clock the time along with it. Raises Gallery.DoesNotExist."""
    asked = time.time()
    head, epoch, floor, told = Gallery.objects.values_list("head", "epoch", "floor", Now()).get(pk=gallery_id)
    clock.compare(asked, told.timestamp())
    return {"head": head, "epoch": epoch, "floor": floor}


def catch_up(gallery_id: int, after: int, epoch: str) -> tuple[Position, Changes | None]:
    """Where the feed stands, and what changed after number `after`.

    None instead of changes when they can't be replayed: `after` is before the floor, ahead of the head, from
    another epoch, or more than REPLAY_MAX behind. Such a client loads the snapshot again.
    """
    position = position_of(gallery_id)
    head = position["head"]
    if epoch != position["epoch"] or after > head or head - after > REPLAY_MAX:
        return position, None
    missed = since(gallery_id, after, head)
    now = position_of(gallery_id)  # a restore, or dropped tombstones, may have come before the rows were read
    return position, missed if now["epoch"] == epoch and now["floor"] <= after else None


def replayable(gallery_id: int) -> tuple[Position, Changes]:
    """Where the feed stands, and in one piece everything that a client may still catch up by."""
    position = position_of(gallery_id)
    start = max(position["floor"], position["head"] - REPLAY_MAX)
    known = since(gallery_id, start, position["head"], REPLAY_MAX)
    now = position_of(gallery_id)  # a restore, or dropped tombstones, may have come before the rows were read
    return {**position, "epoch": now["epoch"]}, {**known, "from": max(start, now["floor"]), "more": False}


def since(gallery_id: int, after: int, head: int, limit: int = PAGE_MAX) -> Changes:
    """What changed after number `after`: each image once, in its last state, at most `limit` of them.

    `head` must have been read before this call: rows newer than it come along, none up to it is missing.
    """
    rows = UploadedImage.objects.filter(gallery_id=gallery_id, seq__gt=after).order_by("seq")
    images = list(rows[: limit + 1])
    more = len(images) > limit
    images = images[:limit]
    last = images[-1].seq if images else after
    return _changes(after, last if more else max(last, head), images, more=more)


def snapshot(gallery: Gallery, before: int | None, limit: int) -> Snapshot:
    """A page of at most `limit` images with positions below `before`.

    The head is read first: a row that is newer comes again as a change, and per image the higher seq wins.
    """
    position = position_of(gallery.pk)
    rows = gallery.images.exclude(status=UploadedImage.Status.REMOVED).order_by("-position")
    if before is not None:
        rows = rows.filter(position__lt=before)
    images = list(rows[: limit + 1])
    following = images[limit - 1].position if len(images) > limit else None
    return {
        "epoch": position["epoch"],
        "head": position["head"],
        "images": [cards.card(image) for image in images[:limit]],
        "next": following,
    }


def signed_urls(gallery_id: int, ids: list[UUID]) -> dict[str, dict[str, str | None]]:
    """Fresh URLs of those images of the gallery that are ready, by id."""
    rows = UploadedImage.objects.filter(gallery_id=gallery_id, pk__in=ids, status=UploadedImage.Status.READY)
    return {str(image.pk): cards.urls(image) for image in rows}


def _changes(
    after: int, to: int, images: list[UploadedImage], *, more: bool = False, compressed: bytes = b""
) -> Changes:
    removed: list[Tombstone] = [
        {"id": str(i.pk), "seq": i.seq} for i in images if i.status == UploadedImage.Status.REMOVED
    ]
    shown: list[dict[str, Any]] = [cards.card(i) for i in images if i.status != UploadedImage.Status.REMOVED]
    if compressed:
        shown = [cards.with_data(card, compressed) for card in shown]
    return {"type": "changes", "from": after, "to": to, "cards": shown, "removed": removed, "more": more}
