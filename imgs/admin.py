"""Django's admin: see every image, retry and remove, with effect on every screen at once."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from imgs import jobs, removal
from imgs.clock import clock
from imgs.models import Gallery, UploadedImage


@admin.register(Gallery)
class GalleryAdmin(admin.ModelAdmin):  # type: ignore[type-arg]  # Django itself has no such subscript
    """Galleries; a gallery with images is not deleted here, since its screens would not hear of it."""

    list_display = ("title", "slug", "image_count")

    @admin.display(description=_("images"))
    def image_count(self, gallery: Gallery) -> int:
        """Images that are not removed."""
        return gallery.images.exclude(status=UploadedImage.Status.REMOVED).count()

    def get_readonly_fields(self, request: HttpRequest, obj: Gallery | None = None) -> tuple[str, ...]:
        """The name in addresses stays: screens that are open hold on to it, and so do links and QR codes."""
        return ("slug",) if obj else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Gallery | None = None) -> dict[str, Sequence[str]]:
        """A suggestion for the name, while it can be chosen."""
        return {} if obj else {"slug": ("title",)}

    def has_delete_permission(self, request: HttpRequest, obj: Gallery | None = None) -> bool:
        """Only an empty gallery may go."""
        return super().has_delete_permission(request, obj) and (obj is None or not obj.images.exists())


@admin.register(UploadedImage)
class UploadedImageAdmin(admin.ModelAdmin):  # type: ignore[type-arg]
    """Images; their state changes by the actions alone."""

    list_display = (
        "thumbnail",
        "original_name",
        "gallery",
        "status",
        "error_code",
        "is_duplicate",
        "size",
        "saved",
        "created_at",
    )
    list_display_links = ("thumbnail", "original_name")
    list_filter = ("status", "is_duplicate", "gallery", "created_at")
    search_fields = ("original_name", "uuid")
    ordering = ("-created_at",)
    list_select_related = ("gallery",)
    list_per_page = 50
    actions = ("retry", "remove")
    fields = readonly_fields = (
        "thumbnail",
        "uuid",
        "gallery",
        "status",
        "error_code",
        "original_name",
        "content_type",
        "original_size",
        "compressed_size",
        "width",
        "height",
        "position",
        "seq",
        "attempts",
        "sha256",
        "is_duplicate",
        "owner",
        "created_at",
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[UploadedImage]:
        """Everything but tombstones, with the time known by which their URLs are stamped."""
        clock.refresh()
        return super().get_queryset(request).exclude(status=UploadedImage.Status.REMOVED)

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Images come in by upload."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: UploadedImage | None = None) -> bool:
        """Images go by the action `remove`, which tells every screen."""
        return False

    @admin.display(description=_("picture"))
    def thumbnail(self, image: UploadedImage) -> str:
        """The small version, linked to the original."""
        if image.compressed_url is None:
            return "–"
        return format_html(
            '<a href="{}"><img src="{}" alt="" height="60" loading="lazy"></a>',
            image.original_url,
            image.compressed_url,
        )

    @admin.display(description=_("size"), ordering="original_size")
    def size(self, image: UploadedImage) -> str:
        """Original and small version."""
        small = "–" if image.compressed_size is None else filesizeformat(image.compressed_size)
        return f"{filesizeformat(image.original_size)} → {small}"

    @admin.display(description=_("saved"))
    def saved(self, image: UploadedImage) -> str:
        """Percentage saved."""
        return "–" if image.reduction_percentage is None else f"{image.reduction_percentage:.1f} %"

    @admin.action(description=_("Try again"), permissions=["change"])
    def retry(self, request: HttpRequest, images: QuerySet[UploadedImage]) -> None:
        """Queue failed images again."""
        done = self._each(images, jobs.retry)
        self.message_user(
            request,
            ngettext("%d image is in the queue again.", "%d images are in the queue again.", done) % done,
            messages.SUCCESS,
        )

    @admin.action(description=_("Remove from every screen"), permissions=["change"])
    def remove(self, request: HttpRequest, images: QuerySet[UploadedImage]) -> None:
        """Remove images and their files."""
        done = self._each(images, removal.remove)
        self.message_user(
            request, ngettext("%d image was removed.", "%d images were removed.", done) % done, messages.SUCCESS
        )

    def _each(self, images: QuerySet[UploadedImage], change: Callable[[UploadedImage], Any]) -> int:
        return sum(bool(change(image)) for image in images)
