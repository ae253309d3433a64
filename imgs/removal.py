"""Taking images away: off every screen, then off the disk."""

from django.core.files.storage import default_storage
from django.db import DatabaseError, transaction

from imgs import changes, disk
from imgs.models import Gallery, UploadedImage

Status = UploadedImage.Status
Work = UploadedImage.Work


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


def delete_files(names: list[str]) -> None:
    """Once the transaction has committed, delete stored files that no row names any more."""

    def delete() -> None:
        for name in names:
            default_storage.delete(name)
        disk.keep_reserve()

    transaction.on_commit(delete, robust=True)


def _remove(image: UploadedImage) -> bool:
    present = UploadedImage.objects.filter(pk=image.pk).exclude(status=Status.REMOVED)
    try:
        with transaction.atomic():
            tombstone = changes.change(
                present, image.gallery_id, status=Status.REMOVED, work=Work.NONE, lease_token=None, lease_until=None
            )
            _bury(tombstone.gallery_id, tombstone.seq - changes.REPLAY_MAX)
    except changes.Lost:
        return False
    changes.announce(tombstone)
    delete_files(tombstone.file_names)
    return True


def _bury(gallery_id: int, floor: int) -> None:
    """Drop tombstones up to number `floor`; nobody who is that far behind catches up by changes."""
    if UploadedImage.objects.filter(gallery_id=gallery_id, status=Status.REMOVED, seq__lte=floor).delete()[0]:
        Gallery.objects.filter(pk=gallery_id, floor__lt=floor).update(floor=floor)
