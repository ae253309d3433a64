"""A copy of a gallery, database and files, that is consistent though it was made while the gallery was in use.

The database comes first, then the files its images have: no image comes back without its file, but for those removed
in between, which are removed again.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import connection
from django.utils import timezone

from imgs import dump, removal
from imgs.audit import FOLDERS, Audit, Totals, image_of
from imgs.models import UploadedImage

MANIFEST = "manifest.json"
FILE_LIST = "files.tsv"
TRIES = 5
FOR_EVER = timedelta(days=36_500)


class Refused(Exception):
    """It was not begun; the text says why, for a person."""


@dataclass
class Manifest:
    """What a backup holds. It is written last: a folder without one is no backup.

    `removed` images went while it was made; `missing` files were lost before.
    """

    made_at: str
    database: str
    migrations: dump.Migrations
    files: int = 0
    bytes: int = 0
    missing: int = 0
    removed: list[str] = field(default_factory=list)


def make(folder: Path) -> Manifest:
    """Copy the gallery into `folder`, which is new or empty and becomes its owner's alone. Raises Refused."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise Refused(f"{folder} is not empty; name a new folder")
    folder.chmod(0o700)
    for name in FOLDERS:
        (folder / name).mkdir()
    manifest = _copy(folder)
    for _ in range(TRIES - 1):
        if not manifest.missing:
            break
        manifest = _copy(folder)  # a worker replaced a file after its name had been written down
    unfinished = folder / f"{MANIFEST}.new"
    unfinished.write_text(json.dumps(asdict(manifest), indent=1) + "\n")
    os.sync()
    unfinished.replace(folder / MANIFEST)
    return manifest


def _copy(folder: Path) -> Manifest:
    """Write down the database, in the place of an earlier one, then keep the files that it names."""
    shutil.rmtree(folder / "database", ignore_errors=True)
    (folder / "database").mkdir()

    def list_files(files: Iterator[dump.StoredFile]) -> None:
        with (folder / FILE_LIST).open("w") as lines:
            lines.writelines(f"{name}\t{size}\n" for name, size in files)

    made_at = timezone.now().isoformat(timespec="seconds")
    manifest = Manifest(made_at, connection.vendor, dump.save(folder / "database", list_files))
    for name, size in _listed(folder):
        if _keep(name, folder / name):
            manifest.files += 1
            manifest.bytes += size
        elif (image := image_of(name)) and _is_removed(image):
            manifest.removed.append(str(image))
        else:
            manifest.missing += 1
    return manifest


def restore(folder: Path, report: Callable[[str], None], *, force: bool) -> Totals:
    """Bring files and database back, then audit them; what else the storage has stays. Raises Refused.

    Without `force` only into a gallery that is empty and not in use.
    """
    manifest = _manifest(folder)
    if manifest.database != connection.vendor:
        raise Refused(f"this backup is of {manifest.database}, and the gallery's database is {connection.vendor}")
    if not dump.is_known(manifest.migrations):
        raise Refused("this backup was made by a newer version of the program; update first")
    if not force and dump.is_in_use():
        raise Refused("the gallery is in use; stop it, or say --force and its screens load what is brought back")
    if not force and not _is_empty():
        raise Refused("this gallery has pictures; with --force the backup takes their place")
    _bring_back_files(folder)
    dump.load(folder / "database", manifest.migrations)
    _bring_back_files(folder)  # those that a gallery in use has deleted meanwhile, before their rows were back
    for image in UploadedImage.objects.filter(pk__in=manifest.removed):
        removal.remove(image)
    return Audit(report, fix=True, older_than=FOR_EVER, most_may_be_lost=True).run()


def _manifest(folder: Path) -> Manifest:
    try:
        values = json.loads((folder / MANIFEST).read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise Refused(f"{folder} is no backup, or one that was not finished: it has no {MANIFEST}") from None
    except ValueError:
        raise Refused(f"{folder / MANIFEST} can't be read") from None
    try:
        return Manifest(**{**values, "migrations": [(app, name) for app, name in values["migrations"]]})
    except (TypeError, KeyError, ValueError):
        raise Refused("this backup was made by another version of the program; update first") from None


def _listed(folder: Path) -> Iterator[dump.StoredFile]:
    with (folder / FILE_LIST).open() as lines:
        for line in lines:
            name, size = line.rstrip("\n").split("\t")
            yield name, int(size)


def _keep(name: str, target: Path) -> bool:
    """Link or copy a stored file; False when it is gone. A file never changes, so a link is as good on one disk."""
    if target.exists():  # by an earlier try
        return True
    with suppress(NotImplementedError, OSError):
        os.link(default_storage.path(name), target)
        return True
    try:
        with default_storage.open(name) as source, target.open("xb") as file:
            shutil.copyfileobj(source, file)
    except FileNotFoundError:
        return False
    return True


def _is_removed(image: UUID) -> bool:
    """Whether an image that was there is not any more."""
    return not UploadedImage.objects.filter(pk=image).exclude(status=UploadedImage.Status.REMOVED).exists()


def _bring_back_files(folder: Path) -> None:
    for name, size in _listed(folder):
        _bring_back(folder / name, name, size)


def _bring_back(source: Path, name: str, size: int) -> None:
    """Store a file of the backup, unless it is there."""
    if not source.exists():
        return
    with suppress(FileNotFoundError):
        if default_storage.size(name) == size:
            return
        default_storage.delete(name)
    with source.open("rb") as file:
        default_storage.save(name, File(file))


def _is_empty() -> bool:
    if UploadedImage._meta.db_table in connection.introspection.table_names() and UploadedImage.objects.exists():
        return False
    folders, _files = default_storage.listdir("")
    return not any(default_storage.listdir(folder)[1] for folder in FOLDERS if folder in folders)
