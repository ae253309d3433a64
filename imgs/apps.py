"""The app that stores pictures and knows what may happen to them."""

from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created
from django.http import multipartparser
from django.utils.translation import gettext_lazy as _

from imgs.clock import clock

PART_HEADER_MAX_BYTES = 32 * 1024


class ImgsConfig(AppConfig):
    """Galleries and images."""

    name = "imgs"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        """Know the time before anything is signed, and let a file name be long: Django refuses a multipart part
        whose headers exceed 1 KB, and a name of 255 letters outside ASCII takes more. The cap on request bodies bounds
        the whole.
        """
        connection_created.connect(tell_time)
        multipartparser.MAX_TOTAL_HEADER_SIZE = PART_HEADER_MAX_BYTES  # type: ignore[attr-defined]


def tell_time(**_facts: Any) -> None:
    """Ask each database that was just connected to for its time, so that no process signs by a clock of its own."""
    clock.measure()
