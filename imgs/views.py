"""The pages, the upload, and what the people who run it ask for."""

import logging
import sys
from http import HTTPStatus
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import segno
from django.conf import settings
from django.db import Error as DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import get_language
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_GET, require_POST, require_safe
from django.views.defaults import server_error as default_server_error

from imgs import cards, intake, metrics, problems, visitors
from imgs.disk import is_full
from imgs.forms import UploadForm
from imgs.models import Gallery, gallery_named

log = logging.getLogger(__name__)

DEFAULT_GALLERY = "main"


@require_safe
@ensure_csrf_cookie
def gallery(request: HttpRequest, slug: str = DEFAULT_GALLERY) -> HttpResponse:
    """The upload page with the live gallery."""
    shown = get_object_or_404(Gallery, slug=slug)
    config = page_config(request, shown)
    max_megabytes = settings.UPLOAD_MAX_BYTES / (1 << 20)
    return render(request, "gallery.html", {"gallery": shown, "config": config, "max_megabytes": max_megabytes})


@require_safe
def wall(request: HttpRequest, slug: str = DEFAULT_GALLERY) -> HttpResponse:
    """The full-screen display."""
    shown = get_object_or_404(Gallery, slug=slug)
    return render(request, "wall.html", {"gallery": shown, "config": page_config(request, shown)})


@require_safe
@cache_control(max_age=300)
def qr_code(request: HttpRequest, slug: str) -> HttpResponse:
    """The address of the upload page as a QR code, an SVG without a quiet zone's background."""
    shown = get_object_or_404(Gallery, slug=slug)
    code = segno.make(page_address(request, shown), error="m", micro=False)
    picture = BytesIO()
    code.save(picture, kind="svg", xmldecl=False, omitsize=True, border=2, light="#fff")
    return HttpResponse(picture.getvalue(), content_type="image/svg+xml")


@require_POST
def upload(request: HttpRequest) -> HttpResponse:
    """Take one picture: 202 with its card, or a problem."""
    try:
        answer = receive(request, request.POST.get("gallery") or DEFAULT_GALLERY)
        return JsonResponse(answer, status=HTTPStatus.ACCEPTED)
    except problems.Problem as problem:
        return refuse(request, problem)


def receive(request: HttpRequest, slug: str) -> dict[str, Any]:
    """The answer to the form of `request`: its picture's card, and whether it was there already. Raises a Problem."""
    owner = visitors.owner_of(request)
    visitors.check_upload_rate(request, owner)
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid():
        raise form.problem()
    try:
        target = gallery_named(slug)
        accepted = intake.accept(form.cleaned_data["image"], target, owner, form.cleaned_data["key"], form.options)
    except Gallery.DoesNotExist:
        raise problems.not_found() from None
    except (DatabaseError, OSError) as error:
        if is_full(error):
            raise problems.storage_full() from error
        log.error("an upload could not be kept", extra={"error": f"{type(error).__name__}: {error}"})
        raise problems.unavailable() from error
    metrics.uploads.inc()
    image = cards.card(accepted.image)
    return {"image": image, "duplicate": True} if accepted.was_there else {"image": image}


def refuse(request: HttpRequest, problem: problems.Problem, **facts: str) -> HttpResponse:
    """The answer to a request that can't be done; the one log line about it has the `facts`."""
    return problems.answer(problem, path=request.path, address=visitors.address_of(request), **facts)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Django's CSRF_FAILURE_VIEW."""
    answer = refuse(request, problems.csrf_failed())
    return answer if wants_problem(request) else render(request, "403.html", status=HTTPStatus.FORBIDDEN)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """Django's handler400: a body that can't be read, a host that is not allowed."""
    answer = refuse(request, problems.bad_request())
    return answer if wants_problem(request) else render(request, "400.html", status=HTTPStatus.BAD_REQUEST)


def server_error(request: HttpRequest) -> HttpResponse:
    """Django's handler500: a full disk, or an error nobody thought of, which Django logs with its trace."""
    full = is_full(sys.exc_info()[1])
    answer = refuse(request, problems.storage_full()) if full else problems.unavailable().response()
    return answer if wants_problem(request) else default_server_error(request)


def wants_problem(request: HttpRequest) -> bool:
    """Whether errors at this address are for programs."""
    return request.path.startswith(("/upload/", "/api/", "/metrics"))


@require_GET
def metrics_text(_request: HttpRequest) -> HttpResponse:
    """Prometheus text."""
    return HttpResponse(metrics.text(), content_type=metrics.CONTENT_TYPE)


def page_address(request: HttpRequest, shown: Gallery) -> str:
    """The absolute address of the upload page, for links and the QR code.

    PUBLIC_URL, or the address that was asked for. When that is a name only this machine understands, and others
    can reach it, the machine's own on the network.
    """
    path = page_path(shown)
    if settings.PUBLIC_URL:
        return f"{settings.PUBLIC_URL}{path}"
    asked = urlsplit(request.build_absolute_uri(path))
    local = asked.hostname in {"localhost", "127.0.0.1", "::1"}
    if local and settings.HOST not in {"localhost", "127.0.0.1", "::1"} and settings.MACHINE_ADDRESSES:
        port = f":{asked.port}" if asked.port else ""
        return asked._replace(netloc=f"{settings.MACHINE_ADDRESSES[0]}{port}").geturl()
    return asked.geturl()


def page_path(shown: Gallery) -> str:
    """The path of the upload page of a gallery."""
    return reverse("index") if shown.slug == DEFAULT_GALLERY else reverse("gallery", args=[shown.slug])


def page_config(request: HttpRequest, shown: Gallery) -> dict[str, Any]:
    """What the scripts of a page need to know."""
    is_default = shown.slug == DEFAULT_GALLERY
    return {
        "gallery": shown.slug,
        "title": shown.title,
        "owner": visitors.owner_of(request),
        "staff": request.user.is_staff,
        "upload_url": reverse("upload"),
        "images_url": reverse("api:images", args=[shown.slug]),
        "websocket_path": f"/ws/gallery/{shown.slug}/",
        "page_url": page_path(shown),
        "wall_url": reverse("wall") if is_default else reverse("gallery_wall", args=[shown.slug]),
        "qr_url": reverse("qr", args=[shown.slug]),
        "page_address": page_address(request, shown),
        "max_bytes": settings.UPLOAD_MAX_BYTES,
        "max_pixels": settings.UPLOAD_MAX_PIXELS,
        "thumbnail_width": settings.THUMBNAIL_WIDTH,
        "thumbnail_quality": settings.THUMBNAIL_QUALITY,
        "language": get_language(),
    }
