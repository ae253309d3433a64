"""The REST API, version 1."""

from typing import Any, Literal
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from ninja import Field, File, Form, NinjaAPI, Query, Schema, Status, UploadedFile
from ninja.errors import ValidationError
from ninja.utils import check_csrf

from imgs import cards, changes, jobs, problems, views, visitors
from imgs.models import Gallery, UploadedImage, gallery_named
from imgs.options import QUALITIES, WIDTHS, Options

api = NinjaAPI(
    title="Dinding",
    version="1",
    description="Pictures of a live gallery. Errors are RFC 9457 problem documents with a stable `code`.",
    urls_namespace="api",
)


class Crop(Schema):
    """A part of the upright original, in pixels."""

    x: int = Field(ge=0)
    y: int = Field(ge=0)
    width: int = Field(ge=1)
    height: int = Field(ge=1)


class Geometry(Schema):
    """Cropped, then mirrored left to right, then turned clockwise by so many degrees."""

    crop: Crop | None = None
    flip: bool = False
    rotation: Literal[0, 90, 180, 270] = 0


class Choice(Schema):
    """What the shown version is to be, its width in pixels. All of it may be left out."""

    width: int | None = Field(None, ge=WIDTHS[0], le=WIDTHS[1], description="Never enlarged")
    format: Literal["jpeg", "webp", "avif"] | None = None
    quality: int | None = Field(None, ge=QUALITIES[0], le=QUALITIES[1])


class Edit(Geometry, Choice):
    """Another version of the shown picture, made from the kept original; what is left out of the choice stays."""

    revision: int = Field(description="The revision that is to be replaced")


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
    content_type: str = Field(description="Of the file that was received")
    compressed_type: str | None
    notes: list[str] = Field(description="Of already_optimal, first_frame, original_reencoded")
    edit: Geometry | None = Field(description="How the shown version differs in shape from the original")
    edit_pending: bool = Field(description="Another version is being made")
    created_at: str
    placeholder: str | None = Field(description="ThumbHash, base64")
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
    """The picture that was taken in; `duplicate` when the same visitor had uploaded it before."""

    image: Card
    duplicate: bool = False


class Edited(Schema):
    """The picture as it is until the edit is done."""

    image: Card


class UploadFields(Choice):
    """What to make of the picture, and a key by which it may safely be sent again. All of it may be left out."""

    key: str | None = Field(None, description="A UUID")


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
    request: HttpRequest, slug: str, image: File[UploadedFile | None] = None, fields: Form[UploadFields | None] = None
) -> Any:
    """Upload one picture. From a browser (a request with an Origin) the CSRF token is required."""
    if refusal := _csrf_refusal(request):
        return refusal
    return Status(202, views.receive(request, slug))


EDIT_PROBLEMS = dict.fromkeys((403, 404, 409, 422, 503), ProblemDocument)


@api.post("/galleries/{slug}/images/{image_id}/edits", response={202: Edited, **EDIT_PROBLEMS})
def edit_image(request: HttpRequest, slug: str, image_id: UUID, edit: Edit) -> Any:
    """Have the shown version made anew. The old one stays until a change brings the next revision."""
    if refusal := _csrf_refusal(request):
        return refusal
    image = UploadedImage.objects.filter(pk=image_id, gallery__slug=slug, status=UploadedImage.Status.READY).first()
    if image is None:
        raise problems.not_found()
    if not (request.user.is_staff or image.owner == visitors.owner_of(request)):
        raise problems.forbidden()
    if not jobs.edit(image, edit.revision, _options(image, edit)):
        raise problems.stale_revision()
    return Status(202, {"image": cards.card(UploadedImage.objects.get(pk=image.pk))})


def _options(image: UploadedImage, edit: Edit) -> Options:
    crop = edit.crop and (edit.crop.x, edit.crop.y, edit.crop.width, edit.crop.height)
    if edit.crop and not (
        edit.crop.x + edit.crop.width <= image.width and edit.crop.y + edit.crop.height <= image.height
    ):
        raise problems.invalid_parameter()
    chosen = edit.model_dump(include=set(Choice.model_fields), exclude_none=True)
    return image.options.changed(chosen | {"crop": crop, "flip": edit.flip, "rotation": edit.rotation})


def _csrf_refusal(request: HttpRequest) -> HttpResponse | None:
    """The answer to a page that may not ask this, which is in the log by then; None to one that may."""
    return check_csrf(request) if "Origin" in request.headers else None


@api.exception_handler(problems.Problem)
def on_problem(request: HttpRequest, problem: problems.Problem) -> HttpResponse:
    """Every refusal looks the same."""
    return views.refuse(request, problem)


@api.exception_handler(ValidationError)
def on_invalid(request: HttpRequest, _error: ValidationError) -> HttpResponse:
    """A parameter that is not what the documentation says."""
    return views.refuse(request, problems.invalid_parameter())
