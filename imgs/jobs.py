"""The durable queue over UploadedImage: who works on which image, and how that ends.

A claim is a lease: a token, a time until which it holds, and a count of attempts. Only the holder of the token
may finish. Every change of state is a conditional update whose row count is checked.
"""

import itertools
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import DatabaseError, connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from imgs import changes, disk, notify
from imgs.models import Gallery, UploadedImage
from imgs.storing import FinishedFile, discard_unless_named

if TYPE_CHECKING:  # web processes decode nothing, so they need no Pillow
    from imgs.compression import Result

LEASE_SECONDS = 3
ATTEMPTS_MAX = 3
OLDEST_EVERY = 4
ORIGINAL_MISSING = "original_missing"

# One statement, because it runs for every hint in every worker: through the ORM it takes five times as long.
_CLAIM = """
UPDATE imgs_uploadedimage SET lease_token = %s, lease_until = {lease_end}, attempts = attempts + 1
WHERE uuid = (
    SELECT uuid FROM imgs_uploadedimage
    WHERE work <> 'none' AND status = 'queued' AND attempts < %s AND (lease_until IS NULL OR lease_until < {now})
    ORDER BY created_at {direction} LIMIT 1 {lock}
)
RETURNING uuid, gallery_id, original, attempts
"""
_DIALECTS = {
    "postgresql": {
        "now": "STATEMENT_TIMESTAMP()",
        "lease_end": "STATEMENT_TIMESTAMP() + INTERVAL '{seconds} seconds'",
        "lock": "FOR UPDATE SKIP LOCKED",
    },
    "sqlite": {
        "now": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
        "lease_end": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '+{seconds} seconds')",
        "lock": "",
    },
}

Status = UploadedImage.Status
Work = UploadedImage.Work

log = logging.getLogger(__name__)
_claims = itertools.count(1)


@dataclass(frozen=True)
class Job:
    """A claimed image: what the worker needs, and the token that proves the claim."""

    image: UUID
    gallery_id: int
    token: UUID
    source: Path
    attempt: int


class Lost(Exception):
    """The row is not in the state this change starts from: another worker or a person was first."""


def claim() -> Job | None:
    """Lease the newest image that waits for a worker, every fourth time the oldest; None when none waits."""
    direction = "ASC" if next(_claims) % OLDEST_EVERY == 0 else "DESC"
    token = uuid4()
    dialect = {name: sql.format(seconds=LEASE_SECONDS) for name, sql in _DIALECTS[connection.vendor].items()}
    lease_token = UploadedImage._meta.get_field("lease_token").get_db_prep_value(token, connection)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(direction=direction, **dialect), [lease_token, ATTEMPTS_MAX])
        claimed = cursor.fetchone()
    if claimed is None:
        return None
    image, gallery_id, original, attempt = claimed
    return Job(UUID(str(image)), gallery_id, token, Path(default_storage.path(original)), attempt)


def renew(job: Job) -> bool:
    """Hold the lease for a while longer; False when it was lost."""
    return bool(_held(job).update(lease_until=_lease_end()))


def hand_back(job: Job) -> None:
    """Give the image up unfinished, at no cost: the next worker may take it at once."""
    released = _held(job).update(lease_token=None, lease_until=None, attempts=F("attempts") - 1)
    if released:
        notify.workers()


def retry_later(job: Job) -> None:
    """An attempt failed for a reason that may pass: the lease runs out by itself, and another worker tries.

    After the last attempt the image fails.
    """
    if job.attempt >= ATTEMPTS_MAX:
        fail(job, "processing_failed")


def finish(job: Job, result: "Result", compressed: Path) -> bool:
    """Store the small version, make the image ready and show it to viewers.

    False, with nothing left behind, when the lease was lost to another worker or the image was removed.
    """
    data = compressed.read_bytes()
    name = default_storage.save(f"compressed/{job.image}-{job.token.hex[:8]}.jpg", FinishedFile(compressed))
    try:
        image = _change(
            _held(job),
            job.gallery_id,
            status=Status.READY,
            work=Work.NONE,
            compressed=name,
            compressed_size=len(data),
            width=result.width,
            height=result.height,
            compressed_width=result.compressed_width,
            compressed_height=result.compressed_height,
            lease_token=None,
            lease_until=None,
            error_code="",
        )
    except Lost:
        discard_unless_named(name, job.image)
        return False
    except BaseException:
        discard_unless_named(name, job.image)
        raise
    changes.announce(image, data)
    return True


def fail(job: Job, code: str) -> bool:
    """End the job without a result and tell viewers why; False when the lease was lost."""
    return _fail(_held(job), job.gallery_id, code)


def give_up() -> int:
    """Fail every image whose last attempt was never ended, as when each worker that took it died. Returns how many."""
    stuck = list(_claimable().filter(attempts__gte=ATTEMPTS_MAX).values_list("pk", "gallery_id")[:100])
    return sum(
        _fail(_claimable().filter(pk=pk, attempts__gte=ATTEMPTS_MAX), gallery_id, "processing_failed")
        for pk, gallery_id in stuck
    )


def retry(image: UploadedImage) -> bool:
    """Put a failed image back into the queue; False when it is not failed any more."""
    return _queue_again(UploadedImage.objects.filter(pk=image.pk, status=Status.FAILED), image.gallery_id)


def redo(image: UploadedImage) -> bool:
    """Have a ready image compressed again, because its small version was lost; False when that is not its own any more.

    What is left of the small version is deleted, and its URLs end: browsers may have kept what they got under them.
    """
    name = image.compressed.name
    ready = UploadedImage.objects.filter(pk=image.pk, status=Status.READY, compressed=name)
    values = {"compressed": "", "compressed_size": None, "revision": F("revision") + 1}
    if not _queue_again(ready, image.gallery_id, **values):
        return False
    transaction.on_commit(lambda: _delete_files([name]), robust=True)
    return True


def write_off(image: UploadedImage) -> bool:
    """Fail an image whose original was lost, whatever else is there of it; False when it was removed meanwhile."""
    present = UploadedImage.objects.filter(pk=image.pk, original=image.original.name)
    known = Q(status=Status.REMOVED) | Q(status=Status.FAILED, error_code=ORIGINAL_MISSING)
    return _fail(present.exclude(known), image.gallery_id, ORIGINAL_MISSING, revision=F("revision") + 1)


def remove(image: UploadedImage) -> bool:
    """Take an image off every screen, then delete its files; False when it was gone already.

    The row stays as a tombstone for as long as a client may catch up past it. This works on a full disk, too.
    """
    try:
        return _remove(image)
    except DatabaseError as error:
        if not (disk.is_full(error) and disk.release_reserve()):
            raise
        return _remove(image)


def queue_facts() -> dict[str, Any]:
    """How many images wait or are worked on, and when the oldest of them was uploaded (None when there is none)."""
    owed = UploadedImage.objects.filter(status=Status.QUEUED).exclude(work=Work.NONE)
    oldest = owed.order_by("created_at").values_list("created_at", flat=True).first()
    return {"length": owed.count(), "oldest": oldest}


def _remove(image: UploadedImage) -> bool:
    present = UploadedImage.objects.filter(pk=image.pk).exclude(status=Status.REMOVED)
    try:
        with transaction.atomic():
            tombstone = _change(
                present, image.gallery_id, status=Status.REMOVED, work=Work.NONE, lease_token=None, lease_until=None
            )
            _bury(tombstone.gallery_id, tombstone.seq - changes.REPLAY_MAX)
    except Lost:
        return False
    changes.announce(tombstone)
    names = [name for name in (tombstone.original.name, tombstone.compressed.name) if name]
    transaction.on_commit(lambda: _delete_files(names), robust=True)
    return True


def _claimable() -> QuerySet[UploadedImage]:
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now())
    return UploadedImage.objects.filter(free, status=Status.QUEUED).exclude(work=Work.NONE)


def _held(job: Job) -> QuerySet[UploadedImage]:
    return UploadedImage.objects.filter(pk=job.image, lease_token=job.token, status=Status.QUEUED)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=LEASE_SECONDS)


def _change(rows: QuerySet[UploadedImage], gallery_id: int, **values: Any) -> UploadedImage:
    """Change the one image that `rows` selects and stamp it with the next number. Raises Lost when it selects none."""
    with transaction.atomic():
        number = changes.take_number(gallery_id)
        if not rows.update(seq=number, **values):
            raise Lost
        return UploadedImage.objects.get(gallery_id=gallery_id, seq=number)


def _queue_again(rows: QuerySet[UploadedImage], gallery_id: int, **values: Any) -> bool:
    try:
        image = _change(
            rows, gallery_id, status=Status.QUEUED, work=Work.THUMBNAIL, attempts=0, error_code="", **values
        )
    except Lost:
        return False
    changes.announce(image)
    transaction.on_commit(notify.workers, robust=True)
    return True


def _fail(rows: QuerySet[UploadedImage], gallery_id: int, code: str, **values: Any) -> bool:
    values |= {"status": Status.FAILED, "work": Work.NONE, "error_code": code}
    try:
        image = _change(rows, gallery_id, lease_token=None, lease_until=None, **values)
    except Lost:
        return False
    log.warning("a picture failed", extra={"image": str(image.pk), "code": code, "original_name": image.original_name})
    changes.announce(image)
    return True


def _bury(gallery_id: int, floor: int) -> None:
    """Drop tombstones up to number `floor`; nobody who is that far behind catches up by changes."""
    if UploadedImage.objects.filter(gallery_id=gallery_id, status=Status.REMOVED, seq__lte=floor).delete()[0]:
        Gallery.objects.filter(pk=gallery_id, floor__lt=floor).update(floor=floor)


def _delete_files(names: list[str]) -> None:
    for name in names:
        default_storage.delete(name)
    disk.keep_reserve()
