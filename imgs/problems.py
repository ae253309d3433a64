"""What is said to somebody whose request can't be done: a stable code, a status, a sentence (RFC 9457)."""

import json
import logging
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from django.http import HttpResponse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

CONTENT_TYPE = "application/problem+json"

log = logging.getLogger(__name__)


@dataclass(eq=False)
class Problem(Exception):
    """A refusal. `detail` is for a person, in the language active when it is rendered; `code` is for programs."""

    code: str
    status: HTTPStatus
    detail: str | Promise
    retry_after_seconds: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The problem document."""
        return {
            "type": "about:blank",
            "title": self.status.phrase,
            "status": self.status,
            "code": self.code,
            "detail": str(self.detail),
        }

    def response(self) -> HttpResponse:
        """The whole HTTP answer."""
        response = HttpResponse(json.dumps(self.as_json()), status=self.status, content_type=CONTENT_TYPE)
        if self.retry_after_seconds is not None:
            response["Retry-After"] = str(self.retry_after_seconds)
        return response


def answer(problem: Problem, *, path: str, address: str, **facts: Any) -> HttpResponse:
    """The response to a request that can't be done, and the one log line about it."""
    log.warning("refused", extra={"code": problem.code, "path": path, "address": address, **facts})
    response = problem.response()
    response._has_been_logged = True  # type: ignore[attr-defined]  # or Django logs a 503 once more
    return response


def missing_file() -> Problem:
    """No file in the field `image`, or an empty one."""
    return Problem(
        "missing_file", HTTPStatus.BAD_REQUEST, _("Choose a picture to upload; none arrived, or it was empty.")
    )


def bad_request() -> Problem:
    """A body that can't be read as a form, or a field with an impossible value."""
    return Problem("bad_request", HTTPStatus.BAD_REQUEST, _("The request could not be understood."))


def one_at_a_time() -> Problem:
    """More than one file in the field `image`."""
    return Problem("bad_request", HTTPStatus.BAD_REQUEST, _("Send one picture per request."))


def csrf_failed() -> Problem:
    """The CSRF token is missing or is another visitor's."""
    return Problem(
        "csrf_failed", HTTPStatus.FORBIDDEN, _("This page is too old to upload from. Reload it and try again.")
    )


def not_found() -> Problem:
    """No such gallery or image."""
    return Problem("not_found", HTTPStatus.NOT_FOUND, _("There is nothing here; it may have been removed."))


def method_not_allowed() -> Problem:
    """A method that this address does not have."""
    return Problem("method_not_allowed", HTTPStatus.METHOD_NOT_ALLOWED, _("This is not possible here."))


def conflict() -> Problem:
    """The same upload key came with other bytes, or its picture was removed."""
    return Problem("conflict", HTTPStatus.CONFLICT, _("This upload was already used, or its picture was removed."))


def stale_revision() -> Problem:
    """An edit of a revision that is not the present one, or of a picture that waits for another edit."""
    return Problem("conflict", HTTPStatus.CONFLICT, _("This picture was changed meanwhile. Look at it again."))


def forbidden() -> Problem:
    """Somebody else's picture."""
    return Problem("forbidden", HTTPStatus.FORBIDDEN, _("Only who added this picture may change it."))


def too_large(max_bytes: int) -> Problem:
    """A file over `max_bytes`."""
    return Problem(
        "too_large",
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        _("The picture is too large; the limit is %(megabytes)s MB.") % {"megabytes": f"{max_bytes / (1 << 20):.3g}"},
    )


def unsupported_type() -> Problem:
    """Not a picture of an accepted type, or named as something else."""
    return Problem(
        "unsupported_type",
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        _("This file is not a picture that can be shown here. JPEG, PNG, GIF, WebP, AVIF and HEIC work."),
    )


def unreadable_image() -> Problem:
    """The type is known, but the header makes no sense."""
    return Problem("unreadable_image", HTTPStatus.UNPROCESSABLE_ENTITY, _("The picture is damaged and can't be read."))


def too_many_pixels(max_pixels: int) -> Problem:
    """More than `max_pixels` = width x height."""
    return Problem(
        "too_many_pixels",
        HTTPStatus.UNPROCESSABLE_ENTITY,
        _("The picture has too many pixels; the limit is %(megapixels)s megapixels.")
        % {"megapixels": f"{max_pixels / 1_000_000:.3g}"},
    )


def rate_limited(retry_after_seconds: int) -> Problem:
    """Too many uploads in a short time; try again after `retry_after_seconds`."""
    return Problem(
        "rate_limited",
        HTTPStatus.TOO_MANY_REQUESTS,
        _("Too many uploads at once; they will go on in a moment."),
        retry_after_seconds,
    )


def unavailable() -> Problem:
    """Database or storage can't be reached right now."""
    return Problem(
        "unavailable", HTTPStatus.SERVICE_UNAVAILABLE, _("The gallery can't be reached right now. Try again soon."), 2
    )


def storage_full() -> Problem:
    """No room for another picture."""
    return Problem("storage_full", HTTPStatus.INSUFFICIENT_STORAGE, _("There is no room for more pictures right now."))


def forged_url() -> Problem:
    """An image URL whose signature is not ours."""
    return Problem("forged_url", HTTPStatus.FORBIDDEN, _("This address is not valid."))


def expired_url() -> Problem:
    """An image URL whose time has run out."""
    return Problem("expired_url", HTTPStatus.GONE, _("This address has run out. Open the gallery for a new one."))


def invalid_parameter() -> Problem:
    """A parameter of the API that is not what its documentation says."""
    return Problem(
        "invalid_parameter", HTTPStatus.UNPROCESSABLE_ENTITY, _("A parameter has a value that is not possible.")
    )
