"""The stored file behind a capability URL."""

from dataclasses import dataclass
from pathlib import Path, PurePath

from django.core.files.storage import default_storage

from imgs.formats import content_type_of
from imgs.models import UploadedImage
from imgs.signing import Capability

INLINE_MAX_BYTES = 64 * 1024


@dataclass(frozen=True)
class StoredFile:
    """One file that may be handed out. `content` is the whole of it when it is small, else None."""

    name: str
    path: Path
    content_type: str
    size: int
    width: int
    height: int
    download_name: str
    content: bytes | None


def find(capability: Capability) -> StoredFile | None:
    """The file, or None when the image is gone, not ready, or has moved on to another revision."""
    image = UploadedImage.objects.filter(
        pk=capability.image, revision=capability.revision, status=UploadedImage.Status.READY
    ).first()
    if image is None:
        return None
    facts = _facts(image, capability.variant)
    if facts is None:
        return None
    name, width, height = facts
    path = Path(default_storage.path(name))
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= INLINE_MAX_BYTES else None
    except FileNotFoundError:
        return None  # removed between the row and the file
    return StoredFile(name, path, content_type_of(name), size, width, height, _download_name(image, name), content)


def _facts(image: UploadedImage, variant: str) -> tuple[str, int, int] | None:
    """The stored name of a variant, its width and its height."""
    if variant == "original":
        return image.original.name, image.width, image.height
    if variant == "compressed":
        return image.compressed.name, image.compressed_width or 0, image.compressed_height or 0
    for rendition in image.renditions:
        if variant == f"w{rendition['width']}":
            return rendition["name"], rendition["width"], rendition["height"]
    return None


def _download_name(image: UploadedImage, name: str) -> str:
    """The name the picture came with, ending as the type says that is handed out."""
    if content_type_of(name) == image.content_type:
        return image.original_name
    return f"{PurePath(image.original_name).stem}{PurePath(name).suffix}"
