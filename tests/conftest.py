"""What most tests need: a gallery, and an application that forgets its hubs and connections between tests."""

from collections.abc import Iterator
from typing import Any

import pytest
from PIL import Image

from imgs.clock import clock
from imgs.models import Gallery
from realtime import threads


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests in a browser come last: its driver keeps an event loop running in this thread until the end."""
    items.sort(key=lambda item: "tests/browser/" in item.path.as_posix())


@pytest.fixture(autouse=True)
def plain_static_files(settings: Any) -> None:
    """Pages may name static files that were not collected."""
    settings.STORAGES = {
        **settings.STORAGES,
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }


@pytest.fixture(autouse=True)
def pixels_of_this_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """`compress` sets Pillow's limit for good, which in its child process is right."""
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)


@pytest.fixture(autouse=True)
def clock_of_this_test() -> None:
    """A test that has turned this process's clock leaves no offset to the next one."""
    clock.offset = 0.0


@pytest.fixture
def gallery(transactional_db: None) -> Iterator[Gallery]:
    """The default gallery, empty, on a database that other threads see too."""
    gallery, _ = Gallery.objects.get_or_create(slug="main", defaults={"title": "Dinding"})
    yield gallery
    threads.close_connections()
