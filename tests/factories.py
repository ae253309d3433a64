"""Small makers of what tests start from."""

import io
from functools import cache
from typing import Any
from uuid import UUID, uuid4

from django.core.files.uploadedfile import TemporaryUploadedFile
from PIL import Image

from imgs import intake, jobs
from imgs.compression import Options, compress
from imgs.models import Gallery, UploadedImage


@cache
def picture(width: int = 320, height: int = 200, format: str = "JPEG", color: str = "teal") -> bytes:
    """The bytes of a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, format)
    return buffer.getvalue()


def uploaded_file(content: bytes | None = None, name: str = "photo.jpg") -> TemporaryUploadedFile:
    """A file as the form parser hands it over."""
    content = picture() if content is None else content
    file = TemporaryUploadedFile(name, "image/jpeg", len(content), None)
    file.write(content)
    file.seek(0)
    return file


def upload(gallery: Gallery, content: bytes | None = None, name: str = "photo.jpg", **values: Any) -> UploadedImage:
    """A queued image."""
    owner: str = values.get("owner", "somebody")
    key: UUID | None = values.get("key")
    file = uploaded_file(content, name)
    try:
        return intake.accept(file, gallery, owner, key)
    finally:
        file.close()


def work_off(tmp_path: Any) -> UploadedImage | None:
    """Do the next job in this process: the image it finished, None when nothing waits."""
    job = jobs.claim()
    if job is None:
        return None
    target = tmp_path / f"{uuid4().hex}.jpg"
    jobs.finish(job, compress(job.source, target, Options()), target)
    return UploadedImage.objects.get(pk=job.image)
