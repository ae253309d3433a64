"""The project's own application; each line on standard input changes one image of the gallery `main`.

As a program it serves itself by the same server as `manage.py serve`, without a worker.
"""

import argparse
import time
from uuid import UUID, uuid4

from bench.peers.driven import Driven
from project.asgi import application as gallery_application

from django.conf import settings  # isort: skip  (after Django is set up)
from django.db import transaction  # isort: skip

from imgs import changes, notify
from imgs.changes import Changes
from imgs.models import Gallery, UploadedImage
from realtime.threads import in_database

NAME = "A picture whose name is as long as it takes for a change of 900 bytes"
shown: list[tuple[int, UUID]] = []


def change_an_image() -> tuple[int, str, Changes]:
    """Give an image the next number. Returns its gallery, the epoch and the change as viewers are told it."""
    if not shown:
        shown.append(insert_an_image())
    gallery, image = shown[0]
    with transaction.atomic():
        number, epoch = changes.take_number(gallery)
        UploadedImage.objects.filter(pk=image).update(seq=number)
    return gallery, epoch, changes.since(gallery, number - 1, number)


@transaction.atomic
def insert_an_image() -> tuple[int, UUID]:
    """A ready image without files; its gallery and its id."""
    gallery = Gallery.objects.get(slug="main").pk
    number, _epoch = changes.take_number(gallery)
    image = UploadedImage.objects.create(
        gallery_id=gallery,
        position=number,
        seq=number,
        status=UploadedImage.Status.READY,
        work=UploadedImage.Work.NONE,
        original_name=f"{NAME}.jpg",
        original_size=1_300_000,
        compressed_size=4_000,
        original=f"originals/{uuid4()}.jpg",
        compressed=f"compressed/{uuid4()}.jpg",
        width=4000,
        height=3000,
        compressed_width=150,
        compressed_height=113,
        content_type="image/jpeg",
        sha256="",
        owner="bench",
    )
    return gallery, image.pk


async def broadcast() -> tuple[int, float]:
    """Change an image and tell all viewers."""
    gallery, epoch, changed = await in_database(change_an_image)
    moment = time.monotonic()
    notify.viewers(gallery, epoch, dict(changed))
    return changed["to"], moment


application = Driven(gallery_application, broadcast)


def main() -> int:
    """Serve on the port of the command line until told to stop."""
    from realtime.server import Server, listen

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("port", type=int)
    listener = listen("127.0.0.1", parser.parse_args().port)
    return Server(application, listener, max_body_bytes=settings.UPLOAD_BODY_MAX_BYTES).run()


if __name__ == "__main__":
    import daphne.server  # noqa: F401  (installs the asyncio reactor)

    raise SystemExit(main())
