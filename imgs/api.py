"""The REST API, version 1."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, File, Form, NinjaAPI, Query, Schema, Status, UploadedFile
from ninja.errors import ValidationError
from ninja.utils import check_csrf

from imgs import changes, problems, views
from imgs.models import Gallery, gallery_named

api = NinjaAPI(
    title="Dinding",
    version="1",
    description="Pictures of a live gallery. Errors are RFC 9457 problem documents with a stable `code`.",
    urls_namespace="api",
)


class Card(Schema):
    """One image as a browser sees it. Sizes in bytes, dimensions in pixels after orientation is applied."""

    id: UUID
    position: int = Field(description="Orders the gallery, newest highest; never changes")
    seq: int = Field(description="Number of the last visible change; the higher one wins")
    status: str = Field(description="queued, ready or failed")
    original_name: str
    original_size: int
    compressed_size: int | None
    reduction_percentage: float | None
    width: int
    height: int
    compressed_width: int | None
    compressed_height: int | None
    content_type: str
    created_at: str
    placeholder: str | None
    revision: int
    original_url: str | None
    compressed_url: str | None
    srcset: str | None
    urls_expire_at: str | None
    owner: str
    caption: str
    error: str | None


class Page(Schema):
    """A page of a gallery, newest first. Changes since `head` bring it up to date."""

    epoch: str
    head: int
    images: list[Card]
    next: int | None = Field(description="`before` of the next page; null on the last")


class Uploaded(Schema):
    """The picture that was taken in."""

    image: Card


class ProblemDocument(Schema):
    """Why a request could not be done."""

    type: str
    title: str
    status: int
    code: str
    detail: str


class PageQuery(Schema):
    """Which page."""

    limit: int = Field(60, ge=1, le=200)
    before: int | None = Field(None, ge=1, description="Only positions below this one")


@api.get(
    "/galleries/{slug}/images", response={200: Page, 404: ProblemDocument, 422: ProblemDocument}, url_name="images"
)
def list_images(request: HttpRequest, slug: str, page: Query[PageQuery]) -> Any:
    """A snapshot of a gallery, page by page."""
    try:
        gallery = gallery_named(slug)
    except Gallery.DoesNotExist:
        raise problems.not_found() from None
    return changes.snapshot(gallery, page.before, page.limit)


UPLOAD_PROBLEMS = dict.fromkeys((400, 403, 404, 409, 413, 415, 422, 429, 503, 507), ProblemDocument)


@api.post("/galleries/{slug}/images", response={202: Uploaded, **UPLOAD_PROBLEMS})
def upload_image(
    request: HttpRequest, slug: str, image: File[UploadedFile | None] = None, key: Form[str | None] = None
) -> Any:
    """Upload one picture. From a browser (a request with an Origin) the CSRF token is required."""
    if "Origin" in request.headers and check_csrf(request):
        raise problems.csrf_failed()
    return Status(202, {"image": views.receive(request, slug)})


@api.exception_handler(problems.Problem)
def on_problem(request: HttpRequest, problem: problems.Problem) -> HttpResponse:
    """Every refusal looks the same."""
    return views.refuse(request, problem)


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, _error: ValidationError) -> HttpResponse:
    """A parameter that is not what the documentation says."""
    return views.refuse(request, problems.invalid_parameter())
