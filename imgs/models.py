"""Galleries and their images, as rows."""

import secrets
import uuid

from django.conf import settings
from django.core.validators import slug_re
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from imgs import signing
from imgs.options import Options


def new_epoch() -> str:
    """A random name for one unbroken run of a gallery's change feed."""
    return secrets.token_hex(8)


class Gallery(models.Model):
    """A wall of images, and the counter that orders every change to them.

    `head` is the number of the newest change, `floor` the oldest number from which a client can still catch up.
    """

    slug = models.SlugField(_("name in addresses"), max_length=100, unique=True)
    title = models.CharField(_("title"), max_length=200)
    head = models.PositiveBigIntegerField(default=0, editable=False)
    floor = models.PositiveBigIntegerField(default=0, editable=False)
    epoch = models.CharField(max_length=32, default=new_epoch, editable=False)
    settings = models.JSONField(default=dict, blank=True, editable=False)

    class Meta:
        verbose_name = _("gallery")
        verbose_name_plural = _("galleries")

    def __str__(self) -> str:
        return self.title


def gallery_named(slug: str) -> Gallery:
    """The gallery with this name in addresses. Raises Gallery.DoesNotExist, also for what can't be such a name."""
    if not slug_re.fullmatch(slug):  # a NUL, say, which PostgreSQL does not take even in a question
        raise Gallery.DoesNotExist(slug)
    return Gallery.objects.get(slug=slug)


def default_options() -> Options:
    """What is made of a picture when nobody chose anything."""
    return Options(
        width=settings.THUMBNAIL_WIDTH, quality=settings.THUMBNAIL_QUALITY, max_pixels=settings.UPLOAD_MAX_PIXELS
    )


class UploadedImage(models.Model):
    """One uploaded picture. `position` orders the gallery for good; `seq` is the number of its last visible change."""

    class Status(models.TextChoices):
        """What viewers see."""

        QUEUED = "queued", _("in the queue")
        READY = "ready", _("ready")
        FAILED = "failed", _("failed")
        REMOVED = "removed", _("removed")

    class Work(models.TextChoices):
        """What a worker still owes, apart from what viewers see."""

        THUMBNAIL = "thumbnail", _("thumbnail")
        RENDITIONS = "renditions", _("renditions")
        EDIT = "edit", _("edit")
        NONE = "none", _("none")

    uuid = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    gallery = models.ForeignKey(Gallery, models.CASCADE, related_name="images")
    position = models.PositiveBigIntegerField()
    seq = models.PositiveBigIntegerField()
    status = models.CharField(_("status"), max_length=10, choices=Status, default=Status.QUEUED)

    work = models.CharField(max_length=10, choices=Work, default=Work.THUMBNAIL)
    attempts = models.PositiveSmallIntegerField(default=0)
    lease_until = models.DateTimeField(null=True, blank=True)
    lease_token = models.UUIDField(null=True, blank=True)
    error_code = models.CharField(_("reason"), max_length=30, blank=True)

    original_name = models.CharField(_("name"), max_length=255)
    original_size = models.PositiveBigIntegerField(help_text=_("bytes, as received"))
    kept_size = models.PositiveBigIntegerField(default=0, help_text=_("bytes of the original as it is kept"))
    compressed_size = models.PositiveBigIntegerField(null=True, blank=True, help_text=_("bytes"))
    renditions_size = models.PositiveBigIntegerField(default=0, help_text=_("bytes, all together"))
    original = models.FileField(max_length=200)
    compressed = models.FileField(max_length=200, blank=True)
    width = models.PositiveIntegerField(help_text=_("pixels, upright"))
    height = models.PositiveIntegerField(help_text=_("pixels, upright"))
    compressed_width = models.PositiveIntegerField(null=True, blank=True)
    compressed_height = models.PositiveIntegerField(null=True, blank=True)
    content_type = models.CharField(max_length=50)
    compressed_type = models.CharField(max_length=50, default="image/jpeg")
    renditions = models.JSONField(default=list, blank=True)
    notes = models.JSONField(default=list, blank=True)
    sha256 = models.CharField(max_length=64)
    is_duplicate = models.BooleanField(_("duplicate"), default=False)
    placeholder = models.CharField(max_length=100, blank=True)

    edit = models.JSONField(default=dict, blank=True)
    next_edit = models.JSONField(null=True, blank=True)
    revision = models.PositiveIntegerField(default=1)
    owner = models.CharField(max_length=32)
    upload_key = models.UUIDField(null=True, blank=True)
    created_at = models.DateTimeField(_("uploaded"), db_default=Now())

    class Meta:
        verbose_name = _("image")
        verbose_name_plural = _("images")
        constraints = [
            models.UniqueConstraint("gallery", "position", name="image_position_once"),
            models.UniqueConstraint("gallery", "seq", name="image_seq_once"),
            models.UniqueConstraint("gallery", "owner", "upload_key", name="image_upload_key_once"),
            models.CheckConstraint(
                condition=~models.Q(status="ready")
                | models.Q(compressed_size__isnull=False) & ~models.Q(compressed=""),
                name="image_ready_has_result",
            ),
            models.CheckConstraint(
                condition=~models.Q(status="failed") | ~models.Q(error_code=""), name="image_failed_has_reason"
            ),
            models.CheckConstraint(condition=models.Q(seq__gte=models.F("position")), name="image_seq_after_position"),
        ]
        indexes = [
            models.Index("created_at", condition=~models.Q(work="none"), name="image_owed_work"),
            models.Index("gallery", "sha256", name="image_same_bytes"),
        ]

    def __str__(self) -> str:
        return self.original_name

    @property
    def original_size_kb(self) -> float:
        """Size as received, in units of 1,024 bytes."""
        return self.original_size / 1024

    @property
    def compressed_size_kb(self) -> float | None:
        """Size of the small version in units of 1,024 bytes, or None until there is one."""
        return None if self.compressed_size is None else self.compressed_size / 1024

    @property
    def reduction_percentage(self) -> float | None:
        """How much smaller the small version is, in percent of the original with two decimals; below 0 when it grew."""
        if self.compressed_size is None:
            return None
        return round(100 * (1 - self.compressed_size / self.original_size), 2)

    @property
    def options(self) -> Options:
        """What the shown version is made by."""
        return default_options().changed(self.edit)

    @property
    def file_names(self) -> list[str]:
        """Every stored file that belongs to the image."""
        names = [self.original.name, self.compressed.name, *(rendition["name"] for rendition in self.renditions)]
        return [name for name in names if name]

    @property
    def srcset(self) -> str | None:
        """Fresh capability URLs of all renditions with their widths, once there are any."""
        if self.status != self.Status.READY or not self.renditions:
            return None
        return signing.srcset(self.uuid, [rendition["width"] for rendition in self.renditions], self.revision)

    @property
    def original_url(self) -> str | None:
        """A fresh capability URL of the original, once the image is ready."""
        return self._url("original")

    @property
    def compressed_url(self) -> str | None:
        """A fresh capability URL of the small version, once the image is ready."""
        return self._url("compressed")

    def _url(self, variant: str) -> str | None:
        if self.status != self.Status.READY:
            return None
        return signing.image_url(self.uuid, variant, self.revision)
