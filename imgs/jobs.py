"""The durable queue over UploadedImage: who works on which image, and how that ends.

A claim is a lease: a token, a time until which it holds, and a count of attempts. Only the holder of the token
may finish. Every change of state is a conditional update whose row count is checked.
"""

import itertools
import json
import logging
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from django.core.files.storage import default_storage
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Now

from imgs import changes, notify
from imgs.changes import Lost
from imgs.models import UploadedImage, default_options
from imgs.options import Options
from imgs.removal import delete_files
from imgs.results import Made
from imgs.storing import stored

LEASE_SECONDS = 3
LONGEST_LEASE_SECONDS = 2 * LEASE_SECONDS  # one that ends later is of before a clock was set back
ATTEMPTS_MAX = 3
OLDEST_EVERY = 4
ORIGINAL_MISSING = "original_missing"
PROCESSING_FAILED = "processing_failed"
ORIGINAL_REENCODED = "original_reencoded"

# One statement, because it runs for every hint in every worker: through the ORM it takes five times as long.
_CLAIM = """
UPDATE imgs_uploadedimage SET lease_token = %s, lease_until = {lease_end}, attempts = attempts + 1
WHERE uuid = (
    SELECT uuid FROM imgs_uploadedimage
    WHERE work <> 'none' AND work IN ({works}) AND attempts < %s
        AND (lease_until IS NULL OR lease_until < {now} OR lease_until > {too_far})
    ORDER BY created_at {direction} LIMIT 1 {lock}
)
RETURNING uuid, gallery_id, original, attempts, work, COALESCE(next_edit, edit)
"""
_DIALECTS = {
    "postgresql": {
        "now": "STATEMENT_TIMESTAMP()",
        "lease_end": "STATEMENT_TIMESTAMP() + INTERVAL '{seconds} seconds'",
        "too_far": "STATEMENT_TIMESTAMP() + INTERVAL '{longest} seconds'",
        "lock": "FOR UPDATE SKIP LOCKED",
    },
    "sqlite": {
        "now": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW')",
        "lease_end": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '+{seconds} seconds')",
        "too_far": "STRFTIME('%%Y-%%m-%%d %%H:%%M:%%f', 'NOW', '+{longest} seconds')",
        "lock": "",
    },
}

Status = UploadedImage.Status
Work = UploadedImage.Work
SEEN_FIRST: tuple[str, ...] = (Work.THUMBNAIL, Work.EDIT)  # what somebody waits for
SEEN_LATER: tuple[str, ...] = (Work.RENDITIONS,)

log = logging.getLogger(__name__)
# Each for itself: of claims that take turns, every fourth of all would always be the same one's.
_claims = {works: itertools.count(1) for works in (SEEN_FIRST, SEEN_LATER)}
_RELEASED = {"lease_token": None, "lease_until": None}


@dataclass(frozen=True)
class Job:
    """A claimed image: what the worker owes it, what it needs for that, and the token that proves the claim."""

    image: UUID
    gallery_id: int
    token: UUID
    source: Path
    attempt: int
    work: str
    options: Options

    @property
    def mark(self) -> str:
        """What the names of the files begin with that this claim makes."""
        return f"{self.image}-{self.token.hex[:8]}"


def claim(works: tuple[str, ...] = SEEN_FIRST) -> Job | None:
    """Lease the newest image that is owed one of `works`, every fourth time the oldest; None when there is none."""
    values = {"direction": "ASC" if next(_claims[works]) % OLDEST_EVERY == 0 else "DESC", "works": _quoted(works)}
    seconds = {"seconds": LEASE_SECONDS, "longest": LONGEST_LEASE_SECONDS}
    values |= {name: sql.format(**seconds) for name, sql in _DIALECTS[connection.vendor].items()}
    token = uuid4()
    lease_token = UploadedImage._meta.get_field("lease_token").get_db_prep_value(token, connection)
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM.format(**values), [lease_token, ATTEMPTS_MAX])
        claimed = cursor.fetchone()
    if claimed is None:
        return None
    image, gallery_id, original, attempt, work, edit = claimed
    source, options = Path(default_storage.path(original)), default_options().changed(json.loads(edit))
    return Job(UUID(str(image)), gallery_id, token, source, attempt, work, options)


def renew(job: Job) -> bool:
    """Hold the lease for a while longer; False when it was lost."""
    return bool(_held(job).update(lease_until=_lease_end()))


def hand_back(job: Job) -> None:
    """Give the image up unfinished, at no cost: the next worker may take it at once."""
    released = _held(job).update(lease_token=None, lease_until=None, attempts=F("attempts") - 1)
    if released:
        notify.workers()


def retry_later(job: Job, code: str = PROCESSING_FAILED) -> None:
    """An attempt failed for a reason that may pass: the lease runs out by itself, and another worker tries.

    After the last attempt the image fails with `code`.
    """
    if job.attempt >= ATTEMPTS_MAX:
        fail(job, code)


def finish(job: Job, made: Made) -> bool:
    """Store what was made and show it to viewers; what is still owed is queued.

    False, with nothing left behind, when the lease was lost to another worker or the image was removed.
    """
    if job.work == Work.RENDITIONS and not made.renditions:
        return bool(_held(job).update(work=Work.NONE, **_RELEASED))
    inline = made.inline()
    try:
        with stored(job.image, made.files(job.mark)) as names, transaction.atomic():
            image = _finish(job, made.values(names, job.mark))
    except Lost:
        return False
    changes.announce(image, inline)
    if image.work != Work.NONE:
        transaction.on_commit(notify.workers, robust=True)
    return True


def fail(job: Job, code: str) -> bool:
    """End the job without a result, and tell viewers why when they wait for one; False when the lease was lost.

    An image that is shown stays as it is, without the renditions or the edit that it was owed.
    """
    if job.work == Work.THUMBNAIL:
        return _fail(_held(job), job.gallery_id, code)
    return _forgo(_held(job), job.gallery_id, job.work, code)


def give_up() -> int:
    """End every job whose last attempt was never ended, as when each worker that took it died. Returns how many."""
    stuck = _claimable().filter(attempts__gte=ATTEMPTS_MAX)
    given_up = 0
    for pk, gallery_id, work in list(stuck.values_list("pk", "gallery_id", "work")[:100]):
        rows = stuck.filter(pk=pk, work=work)
        if work == Work.THUMBNAIL:
            given_up += _fail(rows, gallery_id, PROCESSING_FAILED)
        else:
            given_up += _forgo(rows, gallery_id, work, PROCESSING_FAILED)
    return given_up


def retry(image: UploadedImage) -> bool:
    """Put a failed image back into the queue; False when it is not failed any more."""
    return _queue_again(UploadedImage.objects.filter(pk=image.pk, status=Status.FAILED), image.gallery_id)


def redo(image: UploadedImage) -> bool:
    """Have a ready image compressed again, because a file made of it was lost; False when it has others by now.

    What is left of those files is deleted, and their URLs end: browsers may have kept what they got under them.
    """
    ready = UploadedImage.objects.filter(
        pk=image.pk, status=Status.READY, compressed=image.compressed.name, renditions=image.renditions
    )
    values: dict[str, Any] = {
        "compressed": "",
        "compressed_size": None,
        "renditions": [],
        "renditions_size": 0,
        "next_edit": None,
    }
    with transaction.atomic():
        if not _queue_again(ready, image.gallery_id, revision=F("revision") + 1, **values):
            return False
        delete_files([name for name in image.file_names if name != image.original.name])
    return True


def edit(image: UploadedImage, revision: int, options: Options) -> bool:
    """Have the shown version of `revision` made anew by other options; it stays until the new one is there.

    False when the image has another revision by now, is not shown, or waits for another edit.
    """
    shown = UploadedImage.objects.filter(pk=image.pk, revision=revision, status=Status.READY).exclude(work=Work.EDIT)
    try:
        changed = changes.change(
            shown, image.gallery_id, work=Work.EDIT, next_edit=options.as_json(), attempts=0, **_RELEASED
        )
    except Lost:
        return False
    changes.announce(changed)
    transaction.on_commit(notify.workers, robust=True)
    return True


def write_off(image: UploadedImage) -> bool:
    """Fail an image whose original was lost, whatever else is there of it; False when it was removed meanwhile."""
    present = UploadedImage.objects.filter(pk=image.pk, original=image.original.name)
    known = Q(status=Status.REMOVED) | Q(status=Status.FAILED, error_code=ORIGINAL_MISSING)
    return _fail(present.exclude(known), image.gallery_id, ORIGINAL_MISSING, revision=F("revision") + 1)


def queue_facts() -> dict[str, Any]:
    """How many images wait or are worked on, and when the oldest of them was uploaded (None when there is none)."""
    owed = UploadedImage.objects.filter(status=Status.QUEUED).exclude(work=Work.NONE)
    oldest = owed.order_by("created_at").values_list("created_at", flat=True).first()
    return {"length": owed.count(), "oldest": oldest}


def _finish(job: Job, values: dict[str, Any]) -> UploadedImage:
    before = _held(job).first()
    if before is None:
        raise Lost
    values |= {"status": Status.READY, "work": Work.NONE, "attempts": 0, "error_code": ""}
    if job.work == Work.THUMBNAIL:
        values["work"] = Work.RENDITIONS
    if job.work == Work.EDIT:
        values |= {"edit": F("next_edit"), "next_edit": None, "revision": F("revision") + 1}
    if "notes" in values and "original" not in values:  # the original was made over by an earlier job
        values["notes"] += [note for note in before.notes if note == ORIGINAL_REENCODED]
    image = changes.change(_held(job), job.gallery_id, **values, **_RELEASED)
    delete_files([name for name in before.file_names if name not in image.file_names])
    return image


def _claimable() -> QuerySet[UploadedImage]:
    too_far = Now() + timedelta(seconds=LONGEST_LEASE_SECONDS)
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=Now()) | Q(lease_until__gt=too_far)
    return UploadedImage.objects.filter(free).exclude(work=Work.NONE)


def _held(job: Job) -> QuerySet[UploadedImage]:
    return UploadedImage.objects.filter(pk=job.image, lease_token=job.token, work=job.work)


def _lease_end() -> Any:
    return Now() + timedelta(seconds=LEASE_SECONDS)


def _quoted(works: tuple[str, ...]) -> str:
    return ", ".join(f"'{work}'" for work in works)


def _queue_again(rows: QuerySet[UploadedImage], gallery_id: int, **values: Any) -> bool:
    try:
        image = changes.change(
            rows, gallery_id, status=Status.QUEUED, work=Work.THUMBNAIL, attempts=0, error_code="", **values
        )
    except Lost:
        return False
    changes.announce(image)
    transaction.on_commit(notify.workers, robust=True)
    return True


def _fail(rows: QuerySet[UploadedImage], gallery_id: int, code: str, **values: Any) -> bool:
    values |= {"status": Status.FAILED, "work": Work.NONE, "error_code": code, "next_edit": None}
    try:
        image = changes.change(rows, gallery_id, **values, **_RELEASED)
    except Lost:
        return False
    log.warning("a picture failed", extra={"image": str(image.pk), "code": code, "original_name": image.original_name})
    changes.announce(image)
    return True


def _forgo(rows: QuerySet[UploadedImage], gallery_id: int, work: str, code: str) -> bool:
    """Leave a shown image without what it was still owed; viewers hear of it when that was an edit."""
    if work == Work.RENDITIONS:
        ended = bool(rows.update(work=Work.NONE, **_RELEASED))
    else:
        try:
            image = changes.change(rows, gallery_id, work=Work.RENDITIONS, attempts=0, next_edit=None, **_RELEASED)
        except Lost:
            return False
        changes.announce(image)
        ended = True
    if ended:
        log.warning("a picture goes without", extra={"work": work, "code": code})
    return ended
