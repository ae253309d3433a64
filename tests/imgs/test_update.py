"""After an update, what an older version kept is made anew: cleaned, with renditions, shown as it was until then."""

from pathlib import Path

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from imgs import cards
from imgs.models import Gallery, UploadedImage
from tests.factories import upload, work_off
from tests.pictures import encoded, quadrants


@pytest.mark.django_db(transaction=True)
def test_it_makes_pictures_of_an_older_version_anew(gallery: Gallery) -> None:
    upload(gallery, encoded(quadrants(), "JPEG"))
    shown = work_off()
    assert shown is not None
    secret = encoded(quadrants(), "JPEG", comment=b"taken at home")
    Path(shown.original.path).write_bytes(secret)  # the older version left it in
    UploadedImage.objects.update(original_size=len(secret), work="none")
    newest = MigrationExecutor(connection).loader.graph.leaf_nodes("imgs")
    try:
        MigrationExecutor(connection).migrate([("imgs", "0002_default_gallery")])
    finally:
        MigrationExecutor(connection).migrate(newest)
    waiting = UploadedImage.objects.get()
    assert (waiting.status, waiting.revision, waiting.kept_size) == ("ready", 1, len(secret))
    assert cards.card(waiting)["compressed_url"] is not None
    image = work_off()
    assert image is not None
    assert (image.revision, image.work, cards.card(image)["edit"]) == (2, "none", None)
    assert b"taken at home" not in Path(image.original.path).read_bytes()
    assert [rendition["width"] for rendition in image.renditions] == [400, 320]
