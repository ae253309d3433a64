"""One uploaded file becomes a stored original and a queued row, or a Problem."""

import hashlib
import os
from pathlib import PurePath
from typing import Any, NamedTuple
from uuid import UUID, uuid4

from django.conf import settings
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import UploadedFile
from django.db import IntegrityError, transaction
from django.db.models import QuerySet, Sum

from imgs import changes, notify, problems
from imgs.formats import ACCEPTED_EXTENSIONS
from imgs.header import Header, UnreadableImage, UnsupportedType, read_header
from imgs.models import Gallery, UploadedImage, default_options
from imgs.options import Options
from imgs.storing import check_storage, discard_unless_named

DISK_RESERVE_BYTES = 64 * 1024 * 1024


class Accepted(NamedTuple):
    """What became of an upload: its image, and whether the same one was there already."""

    image: UploadedImage
    was_there: bool = False


class _WasThere(Exception):
    def __init__(self, image: UploadedImage) -> None:
        super().__init__()
        self.image = image


def accept(
    file: UploadedFile, gallery: Gallery, owner: str, key: UUID | None = None, options: Options | None = None
) -> Accepted:
    """Store an upload and queue it, to be made into what `options` say (default: the settings).

    The same `key` again from the same owner returns the first image, and so do the same bytes with the same options.
    Raises a Problem when the file can't be taken; then neither row nor file stays behind.
    """
    header = examine(file)
    digest = hashlib.file_digest(file.file, "sha256").hexdigest()  # type: ignore[arg-type]
    if key and (known := _same_key(gallery, owner, key)):
        return _repeated(known, digest)
    edit = (options or default_options()).as_json()
    if known := _same_picture(gallery, owner, digest, edit):
        return Accepted(known, was_there=True)
    check_room(file.size or 0)
    try:
        image = _keep(file, header, gallery=gallery, sha256=digest, edit=edit, owner=owner, upload_key=key)
    except _WasThere as same:
        return Accepted(same.image, was_there=True)
    except IntegrityError:
        if key and (known := _same_key(gallery, owner, key)):
            return _repeated(known, digest)
        raise
    return Accepted(image)


def examine(file: UploadedFile) -> Header:
    """Size, type and header of an upload, or the Problem with it. Decodes no pixels."""
    size = file.size or 0
    if not size:
        raise problems.missing_file()
    if size > settings.UPLOAD_MAX_BYTES:
        raise problems.too_large(settings.UPLOAD_MAX_BYTES)
    extension = PurePath(file.name or "").suffix.lower()
    if extension and extension not in ACCEPTED_EXTENSIONS:
        raise problems.unsupported_type()
    try:
        header = read_header(file.file)  # type: ignore[arg-type]
    except UnsupportedType:
        raise problems.unsupported_type() from None
    except UnreadableImage:
        raise problems.unreadable_image() from None
    finally:
        file.seek(0)
    if header.width * header.height > settings.UPLOAD_MAX_PIXELS:
        raise problems.too_many_pixels(settings.UPLOAD_MAX_PIXELS)
    return header


def check_room(size: int) -> None:
    """Raise the problem storage_full when `size` more bytes do not fit on the disk or under STORAGE_LIMIT_BYTES."""
    limit = settings.STORAGE_LIMIT_BYTES
    if not disk_has_room(size) or (limit and stored_bytes() + size > limit):
        raise problems.storage_full()


def disk_has_room(size: int) -> bool:
    """Whether the disk that holds the pictures has room for `size` bytes and the reserve. Takes microseconds."""
    try:
        disk = os.statvfs(settings.MEDIA_ROOT)
    except OSError:
        return True  # whoever writes there meets the true error and names it
    return disk.f_bavail * disk.f_frsize >= size + DISK_RESERVE_BYTES


def stored_bytes() -> int:
    """What all kept originals, small versions and renditions take, in bytes."""
    kept = UploadedImage.objects.exclude(status=UploadedImage.Status.REMOVED)
    sums = {name: Sum(name, default=0) for name in ("kept_size", "compressed_size", "renditions_size")}
    return int(sum(kept.aggregate(**sums).values()))


def _keep(file: UploadedFile, header: Header, **values: Any) -> UploadedImage:
    """Store the file and queue its row; without the row the file goes again. Raises OSError, StorageAway among them."""
    check_storage()
    identity = uuid4()
    name = default_storage.save(f"originals/{identity}{header.extension}", file)
    try:
        return _queue(
            uuid=identity,
            original=name,
            original_name=file.name or "",
            original_size=file.size,
            kept_size=file.size,
            width=header.width,
            height=header.height,
            content_type=header.content_type,
            **values,
        )
    except BaseException:
        discard_unless_named(name, identity)
        raise


@transaction.atomic
def _queue(*, gallery: Gallery, owner: str, sha256: str, edit: dict[str, Any], **values: Any) -> UploadedImage:
    """Insert the row, unless the same picture came in since it was looked for: the number taken locks the gallery."""
    number, gallery.epoch = changes.take_number(gallery.pk)
    if known := _same_picture(gallery, owner, sha256, edit):
        raise _WasThere(known)
    image = UploadedImage.objects.create(
        gallery=gallery,
        position=number,
        seq=number,
        owner=owner,
        sha256=sha256,
        edit=edit,
        is_duplicate=_present(gallery, sha256).exists(),
        **values,
    )
    transaction.on_commit(notify.workers, robust=True)
    changes.announce(image)
    return image


def _present(gallery: Gallery, sha256: str) -> QuerySet[UploadedImage]:
    """The images of the same bytes that are shown, or will be."""
    shown = (UploadedImage.Status.QUEUED, UploadedImage.Status.READY)
    return UploadedImage.objects.filter(gallery=gallery, sha256=sha256, status__in=shown)


def _same_picture(gallery: Gallery, owner: str, sha256: str, edit: dict[str, Any]) -> UploadedImage | None:
    images = _present(gallery, sha256).filter(owner=owner).order_by("-position")
    return next((image for image in images if image.edit == edit and image.next_edit in (None, edit)), None)


def _same_key(gallery: Gallery, owner: str, key: UUID) -> UploadedImage | None:
    return UploadedImage.objects.filter(gallery=gallery, owner=owner, upload_key=key).first()


def _repeated(image: UploadedImage, digest: str) -> Accepted:
    if image.sha256 != digest or image.status == UploadedImage.Status.REMOVED:
        raise problems.conflict()
    return Accepted(image)
