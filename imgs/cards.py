"""The JSON of one image as a browser sees it. Nothing else builds it."""

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from imgs import signing
from imgs.clock import clock
from imgs.models import UploadedImage
from imgs.options import Options

INLINE_MAX_BYTES = 8 * 1024

Card = dict[str, Any]


def card(image: UploadedImage) -> Card:
    """The card of CONTRACT, with URLs signed now when the image is ready."""
    ready = image.status == UploadedImage.Status.READY
    return {
        "id": str(image.uuid),
        "position": image.position,
        "seq": image.seq,
        "status": image.status,
        "original_name": image.original_name,
        "original_size": image.original_size,
        "compressed_size": image.compressed_size if ready else None,
        "reduction_percentage": image.reduction_percentage if ready else None,
        "width": image.width,
        "height": image.height,
        "compressed_width": image.compressed_width if ready else None,
        "compressed_height": image.compressed_height if ready else None,
        "content_type": image.content_type,
        "compressed_type": image.compressed_type if ready else None,
        "notes": image.notes,
        "edit": _geometry(image.options),
        "edit_pending": image.work == UploadedImage.Work.EDIT,
        "created_at": _timestamp(image.created_at),
        "placeholder": image.placeholder or None,
        "revision": image.revision,
        **urls(image),
        "urls_expire_at": urls_expire_at() if ready else None,
        "owner": image.owner,
        "caption": "",
        "error": image.error_code or None,
    }


def urls(image: UploadedImage) -> dict[str, str | None]:
    """Every capability URL of an image; all null until it is ready."""
    return {"original_url": image.original_url, "compressed_url": image.compressed_url, "srcset": image.srcset}


def renewed(card: Card, expire_at: str) -> Card:
    """The card as it is, if its URLs run out at `expire_at`; else with URLs signed now, for which no row is needed."""
    if card["urls_expire_at"] in {None, expire_at}:
        return card
    image, revision = UUID(card["id"]), card["revision"]
    signed = {f"{variant}_url": signing.image_url(image, variant, revision) for variant in ("original", "compressed")}
    srcset = card["srcset"] and signing.srcset(image, signing.widths_of(card["srcset"]), revision)
    return {**card, **signed, "srcset": srcset, "urls_expire_at": urls_expire_at()}


def urls_expire_at() -> str:
    """When URLs made now stop working, as a timestamp."""
    return _timestamp(signing.urls_expire_at())


def present() -> str:
    """The time by which URLs run out, as a timestamp."""
    return _timestamp(datetime.fromtimestamp(clock.now(), UTC))


def with_data(card: Card, compressed: bytes) -> Card:
    """The card carrying its small version as a `data:` URI, if that is at most 8 KB: no viewer has to fetch it."""
    if len(compressed) > INLINE_MAX_BYTES:
        return card
    data = f"data:{card['compressed_type']};base64,{base64.b64encode(compressed).decode()}"
    return {**card, "compressed_data": data}


def with_data_of(earlier: Card | None, card: Card) -> Card:
    """The card with the small version that an earlier one of the same revision carried."""
    if earlier is None or "compressed_data" not in earlier or card["revision"] != earlier["revision"]:
        return card
    return {"compressed_data": earlier["compressed_data"], **card} if card["status"] == "ready" else card


def _geometry(options: Options) -> dict[str, Any] | None:
    """How the shown version differs from the original in shape, None when it does not."""
    if not options.is_edited:
        return None
    crop = options.crop and dict(zip(("x", "y", "width", "height"), options.crop, strict=True))
    return {"crop": crop, "flip": options.flip, "rotation": options.rotation}


def _timestamp(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
