"""The stored file behind a capability URL."""

from dataclasses import dataclass
from pathlib import Path

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
    if capability.variant == "original":
        file, content_type, size = image.original, image.content_type, image.original_size
        width, height = image.width, image.height
    else:
        file, content_type, size = image.compressed, "image/jpeg", image.compressed_size or 0
        width, height = image.compressed_width or 0, image.compressed_height or 0
    path = Path(file.path)
    try:
        content = path.read_bytes() if size <= INLINE_MAX_BYTES else None
    except FileNotFoundError:
        return None  # removed between the row and the file
    return StoredFile(file.name, path, content_type, size, width, height, image.original_name, content)
