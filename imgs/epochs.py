"""An epoch is one unbroken run of a gallery's feed. Restoring an older database breaks it: numbers come to mean
something else than what screens have seen under them. Whoever notices gives the feed a new epoch.

What was shown is also marked in a file per gallery beside the pictures, outside the database, so that a feed which
went back while nothing ran is noticed at the next start.
"""

import fcntl
import json
import logging
import os
from collections.abc import Mapping
from pathlib import Path

from django.conf import settings

from imgs import changes
from imgs.changes import Position
from imgs.models import Gallery, new_epoch

log = logging.getLogger(__name__)


def position_beyond(gallery_id: int, shown: Mapping[str, int]) -> Position:
    """Where the feed stands, in a new epoch if it has gone back.

    `shown` has the highest head per epoch that anybody had seen before this call. Raises Gallery.DoesNotExist.
    """
    position = changes.position_of(gallery_id)
    highest = shown.get(position["epoch"], 0)
    if position["head"] >= highest:
        return position
    gone_back = Gallery.objects.filter(pk=gallery_id, epoch=position["epoch"])
    if gone_back.update(epoch=new_epoch()):  # else another process noticed it first
        facts = {"gallery": gallery_id, "head": position["head"], "shown": highest}
        log.warning("a feed has gone back, as after a restore: it has a new epoch now", extra=facts)
    return changes.position_of(gallery_id)


def position_at_start(gallery_id: int) -> Position:
    """Where the feed stands, in a new epoch if it has gone back since it was marked. Raises Gallery.DoesNotExist."""
    shown = marks(gallery_id)  # before the head is read: another process may move both meanwhile
    return position_beyond(gallery_id, shown)


def check() -> None:
    """Give a new epoch to every gallery that has gone back. Raises a database error.

    A gallery that nobody looks at has no hub to notice it, and new uploads would carry its head past the mark.
    """
    shown = {int(file.stem): _read(file) for file in _folder().glob("*.json") if file.stem.isdecimal()}
    for gallery_id, epoch, head in Gallery.objects.filter(pk__in=shown).values_list("pk", "epoch", "head"):
        if head < shown[gallery_id].get(epoch, 0):
            position_beyond(gallery_id, shown[gallery_id])


def marks(gallery_id: int) -> dict[str, int]:
    """The highest head of each epoch that was marked; nothing when the file can't be read."""
    return _read(_file(gallery_id))


def mark(gallery_id: int, epoch: str, head: int) -> None:
    """Note that `head` of `epoch` was shown. A mark never goes back; one that can't be written is left out."""
    file = _file(gallery_id)
    try:
        file.parent.mkdir(exist_ok=True)
        with file.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = marks(gallery_id)
            if head > known.get(epoch, -1):
                unfinished = file.with_suffix(".new")
                unfinished.write_text(json.dumps({**known, epoch: head}))
                os.replace(unfinished, file)
    except OSError as error:
        log.info("a feed could not be marked", extra={"gallery": gallery_id, "error": type(error).__name__})


def _read(file: Path) -> dict[str, int]:
    try:
        found = json.loads(file.read_bytes())
        return {str(epoch): int(head) for epoch, head in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _folder() -> Path:
    return Path(settings.MEDIA_ROOT) / "feeds"


def _file(gallery_id: int) -> Path:
    return _folder() / f"{gallery_id}.json"
