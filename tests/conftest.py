"""What most tests need: a gallery, and an application that forgets its hubs and connections between tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from imgs.models import Gallery
from realtime import threads


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Pages may name static files that were not collected."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture
def gallery(transactional_db: None) -> Iterator[Gallery]:
    """The default gallery, empty, on a database that other threads see too."""
    gallery, _ = Gallery.objects.get_or_create(slug="main", defaults={"title": "Dinding"})
    yield gallery
    threads.close_connections()
