"""Capability URLs: whoever holds one may fetch one variant of one image, for a while.

Time is the database's, so that a machine whose clock is wrong makes URLs that all others accept.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.core import signing

from imgs.clock import clock

SALT = "dinding.image"
STEP_SECONDS = max(1, min(300, settings.SIGNED_URL_SECONDS // 12))
VARIANT = re.compile(r"original|compressed|w[1-9]\d{0,4}")  # w640: the rendition of that width
DESCRIPTOR = re.compile(r" (\d+)w")


class Forged(Exception):
    """The signature is not ours, is for another purpose, or comes from the future."""


class Expired(Exception):
    """The signature is ours, and its time has run out."""


@dataclass(frozen=True)
class Capability:
    """What a URL allows: one variant of one revision of one image, until `expires_at` (seconds since 1970)."""

    image: UUID
    variant: str
    revision: int
    expires_at: int


class SteppedSigner(signing.TimestampSigner):
    """Stamps rounded down to a step, so that everybody within one step shares a URL and caches hit."""

    def timestamp(self) -> str:
        """The present step, base 62."""
        return signing.b62_encode(int(clock.now()) // STEP_SECONDS * STEP_SECONDS)


SIGNER = SteppedSigner(salt=SALT)


def image_url(image: UUID, variant: str, revision: int) -> str:
    """A URL for one variant, valid for SIGNED_URL_SECONDS from the start of the present step."""
    return f"/image/{SIGNER.sign(f'{image.hex}.{variant}.{revision}')}/"


def srcset(image: UUID, widths: Iterable[int], revision: int) -> str:
    """The URLs of the renditions with these widths, as an <img> takes them."""
    return ", ".join(f"{image_url(image, f'w{width}', revision)} {width}w" for width in widths)


def widths_of(srcset: str) -> list[int]:
    """The widths that a `srcset` names."""
    return [int(width) for width in DESCRIPTOR.findall(srcset)]


def urls_expire_at() -> datetime:
    """When a URL made now stops working."""
    stamp = int(clock.now()) // STEP_SECONDS * STEP_SECONDS
    return datetime.fromtimestamp(stamp + settings.SIGNED_URL_SECONDS, UTC)


def read(signed_data: str) -> Capability:
    """What `signed_data` allows. Raises Forged or Expired.

    TimestampSigner takes stamps from the future, so both sides are checked here; one step ahead is
    allowed for what is left of differences between clocks.
    """
    try:
        value = SIGNER.unsign(signed_data)
        image, variant, revision = value.split(".")
        stamp = signing.b62_decode(signed_data.rsplit(":", 2)[1])
        capability = Capability(UUID(image), variant, int(revision), stamp + settings.SIGNED_URL_SECONDS)
    except (signing.BadSignature, ValueError, IndexError) as error:
        raise Forged from error
    now = clock.now()
    if not VARIANT.fullmatch(variant) or stamp > now + STEP_SECONDS:
        raise Forged
    if now >= capability.expires_at:
        raise Expired
    return capability
