"""The app that stores pictures and knows what may happen to them."""

from django.apps import AppConfig
from django.http import multipartparser
from django.utils.translation import gettext_lazy as _

PART_HEADER_MAX_BYTES = 32 * 1024


class ImgsConfig(AppConfig):
    """Galleries and images."""

    name = "imgs"
    verbose_name = _("Gallery")

    def ready(self) -> None:
        """Let a file name be long: Django refuses a multipart part whose headers exceed 1 KB, and a name of
        255 letters outside ASCII takes more. The cap on request bodies bounds the whole.
        """
        multipartparser.MAX_TOTAL_HEADER_SIZE = PART_HEADER_MAX_BYTES  # type: ignore[attr-defined]
