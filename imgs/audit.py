"""Rows and files compared: what a kill, a power cut or a hand left behind, found and put right.

It may run while uploads, compressions and removals go on. A row is committed after its files are there and before they
are deleted, and a file never comes back; so whoever looks at a file first and at its row after that knows whether the
two belong together. What a file is for before its row is there, nobody can know: so young files are left alone.
"""

import shutil
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from uuid import UUID

from django.conf import settings
from django.core.files.storage import default_storage
from django.utils import timezone

from imgs import jobs
from imgs.models import UploadedImage
from imgs.storing import StorageAway, check_storage

CHUNK = 500
SAMPLE_MIN = 20
FOLDERS = ("originals", "compressed", "renditions")
SETTLE_SECONDS = 1.0  # a removal deletes its files a moment after its row

Status = UploadedImage.Status


@dataclass
class Totals:
    """What an audit looked at, found and repaired; `young` files without a row may belong to uploads under way."""

    images: int = 0
    files: int = 0
    found: int = 0
    repaired: int = 0
    young: int = 0

    @property
    def is_clean(self) -> bool:
        """Whether nothing is left to repair."""
        return self.found == self.repaired


class Audit:
    """One pass over everything. `report` gets a line for each problem; with `fix` it is repaired at once."""

    def __init__(
        self, report: Callable[[str], None], *, fix: bool, older_than: timedelta, most_may_be_lost: bool = False
    ) -> None:
        self._report = report
        self._fix = fix
        self._most_may_be_lost = most_may_be_lost
        self._young_since = timezone.now() - older_than
        self.totals = Totals()

    def run(self) -> Totals:
        """Look at every row, then at every file. Raises StorageAway."""
        check_storage()
        if not self._most_may_be_lost:
            check_originals()
        for image in _living():
            self._check_image(image)
        suspects = [name for folder in FOLDERS for name in self._suspects(folder)]
        if suspects:
            time.sleep(SETTLE_SECONDS)
        for chunk in _chunks(suspects):
            for name in _without_row(chunk):
                self._check_stray(name)
        for path in sorted(Path(settings.FILE_UPLOAD_TEMP_DIR).iterdir()):
            self._check_leftover(path)
        return self.totals

    def _check_image(self, image: UploadedImage) -> None:
        self.totals.images += 1
        if trouble := _trouble(image.original.name, image.kept_size):
            if image.error_code != jobs.ORIGINAL_MISSING:
                self._judge(image, f"the original {trouble}", jobs.write_off, "failed")
        elif image.error_code == jobs.ORIGINAL_MISSING:
            self._judge(image, "the original is there again", jobs.retry, "put back into the queue")
        elif image.status == Status.READY and (trouble := _trouble(image.compressed.name, image.compressed_size)):
            self._judge(image, f"the small version {trouble}", jobs.redo, "put back into the queue")
        elif image.status == Status.READY and (trouble := _trouble_of_renditions(image)):
            self._judge(image, trouble, jobs.redo, "put back into the queue")

    def _judge(
        self, image: UploadedImage, trouble: str, repair: Callable[[UploadedImage], bool], repaired: str
    ) -> None:
        """The file was looked at; now its row tells whether that was a problem."""
        if not (repair(image) if self._fix else _is_unchanged(image)):
            return
        self._found(f"{image.pk} ({image.original_name}): {trouble}", repaired)

    def _suspects(self, folder: str) -> Iterator[str]:
        """The files in `folder` that no living row names and that are old enough to judge."""
        try:
            _folders, files = default_storage.listdir(folder)
        except FileNotFoundError:
            return
        self.totals.files += len(files)
        for chunk in _chunks(f"{folder}/{file}" for file in files):
            for name in _without_row(chunk):
                if self._is_old(name):
                    yield name

    def _is_old(self, name: str) -> bool:
        try:
            old = default_storage.get_modified_time(name) < self._young_since
        except FileNotFoundError:
            return False  # it was just deleted
        self.totals.young += not old
        return old

    def _check_stray(self, name: str) -> None:
        try:
            size = default_storage.size(name)
        except FileNotFoundError:
            return
        if self._fix:
            default_storage.delete(name)
        self._found(f"{name}: no image has this file of {size:,} bytes", "deleted")

    def _check_leftover(self, path: Path) -> None:
        """What somebody died over: a file on the way into storage, or a folder of them. Others have their owners."""
        try:
            modified = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        except FileNotFoundError:
            return
        is_folder = path.is_dir()
        if (is_folder and path.suffix != ".made") or modified >= self._young_since:
            return
        if self._fix and is_folder:
            shutil.rmtree(path, ignore_errors=True)
        elif self._fix:
            path.unlink(missing_ok=True)
        self._found(f"{path}: left over from an upload or a compression", "deleted")

    def _found(self, problem: str, repaired: str) -> None:
        self.totals.found += 1
        self.totals.repaired += self._fix
        self._report(f"{problem} -> {repaired}" if self._fix else problem)


def check_originals() -> None:
    """Raise StorageAway when most of a sample of originals are missing: rather a disk is than they are."""
    missing = [bool(_trouble(image.original.name, image.kept_size)) for image in islice(_living(), CHUNK)]
    if len(missing) >= SAMPLE_MIN and sum(missing) > len(missing) / 2:
        raise StorageAway(
            f"{sum(missing)} of the first {len(missing)} originals are missing; is their disk mounted? "
            "If they are lost, say --most-are-lost"
        )


def _living() -> Iterator[UploadedImage]:
    """Every image that is not removed, a chunk at a time, so that no transaction lasts and memory stays small."""
    rows = UploadedImage.objects.exclude(status=Status.REMOVED).order_by("pk")
    chunk = list(rows[:CHUNK])
    while chunk:
        yield from chunk
        chunk = list(rows.filter(pk__gt=chunk[-1].pk)[:CHUNK])


def _trouble(name: str, size: int | None) -> str:
    """What is wrong with a stored file, in words; nothing when it is there with `size` bytes."""
    try:
        found = default_storage.size(name)
    except FileNotFoundError:
        return "is missing"
    return "" if found == size else f"has {found:,} bytes instead of {size:,}"


def _trouble_of_renditions(image: UploadedImage) -> str:
    """What is wrong with the first rendition that something is wrong with, in words; nothing when all are sound."""
    for rendition in image.renditions:
        if trouble := _trouble(rendition["name"], rendition["size"]):
            return f"the rendition of {rendition['width']} pixels {trouble}"
    return ""


def _is_unchanged(image: UploadedImage) -> bool:
    same = UploadedImage.objects.filter(pk=image.pk, original=image.original.name, compressed=image.compressed.name)
    return same.exclude(status=Status.REMOVED).exists()


def _without_row(names: list[str]) -> list[str]:
    """Those of at most CHUNK stored files that no living row names."""
    images = [image for name in names if (image := image_of(name))]
    rows = UploadedImage.objects.exclude(status=Status.REMOVED).filter(pk__in=images)
    named = {name for row in rows for name in row.file_names}
    return [name for name in names if name not in named]


def image_of(name: str) -> UUID | None:
    """The image for which the server made this name."""
    try:
        return UUID(Path(name).name[:36])
    except ValueError:
        return None


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(names)
    while chunk := list(islice(iterator, CHUNK)):
        yield chunk
