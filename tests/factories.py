"""Small makers of what tests start from."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.files.uploadedfile import TemporaryUploadedFile
from PIL import Image

from imgs import intake, jobs
from imgs.compression import compress, edit, render
from imgs.models import Gallery, UploadedImage
from imgs.results import Made
from tests.copies import another


@cache
def plain(width: int = 320, height: int = 200, format: str = "JPEG", color: str = "teal") -> bytes:
    """The bytes of a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (width, height), color).save(buffer, format)
    return buffer.getvalue()


def picture(width: int = 320, height: int = 200, format: str = "JPEG", color: str = "teal") -> bytes:
    """The bytes of a picture of one colour, other ones each time: the same twice would be taken for a duplicate."""
    return another(plain(width, height, format, color))


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
        return intake.accept(file, gallery, owner, key, values.get("options")).image
    finally:
        file.close()


def work_off(works: tuple[str, ...] = jobs.SEEN_FIRST) -> UploadedImage | None:
    """Do the next job in this process: the image it finished, None when nothing waits."""
    job = jobs.claim(works)
    if job is None:
        return None
    done(job)
    return UploadedImage.objects.get(pk=job.image)


def done(job: jobs.Job) -> bool:
    """Do a claimed job in this process; whether it could be finished."""
    with made(job) as finished:
        return jobs.finish(job, finished)


@contextmanager
def made(job: jobs.Job) -> Iterator[Made]:
    """What a child makes for a job."""
    with TemporaryDirectory(dir=settings.FILE_UPLOAD_TEMP_DIR, suffix=".made") as name:
        folder = Path(name)
        match job.work:
            case "renditions":
                yield Made(folder, renditions=render(job.source, folder, job.options))
            case "edit":
                yield Made(folder, *edit(job.source, folder, job.options))
            case _:
                yield Made(folder, compress(job.source, folder, job.options))
