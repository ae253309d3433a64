"""A picture in, its small version, its renditions and the facts about them out. Knows nothing of Django.

The functions here decode strangers' bytes and are meant to run in the sandbox's child.
"""

import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from PIL import Image

from imgs import animation, decoding, encoding, metadata
from imgs.animation import Animation
from imgs.complexity import CompressionError
from imgs.decoding import Picture, open_picture
from imgs.geometry import Size, View, fitted
from imgs.options import Options
from imgs.resizing import REDUCING_GAP

__all__ = ["CompressionError", "Options", "Rendition", "Result", "compress", "edit", "render"]

NO_MEMORY = ("out of memory", "memory allocation")  # how the decoders of AVIF and HEIC put it
RENDITION_WIDTHS = (320, 640, 1280, 1920)

Files = dict[str, bytes]  # by name


@dataclass(frozen=True)
class Rendition:
    """One of several sizes for a browser to choose from: a still WebP."""

    name: str  # of the file in the folder
    width: int
    height: int
    size: int  # bytes


@dataclass(frozen=True)
class Result:
    """The facts about a picture and its compressed version. Files are named in the folder they were written to."""

    width: int  # of the original, upright
    height: int
    compressed: str
    compressed_type: str
    compressed_width: int
    compressed_height: int
    compressed_size: int  # bytes
    original: str | None  # what must replace the stored original; None: it may stay
    original_size: int | None  # bytes of that
    placeholder: str  # base64 ThumbHash
    notes: tuple[str, ...]  # of already_optimal, first_frame, original_reencoded
    is_animated: bool  # no renditions are made of what moves


def compress(source: Path, folder: Path, options: Options) -> Result:
    """Write the compressed version of `source` into `folder`, and what must replace the stored original, if anything.

    Raises CompressionError with the code damaged_image, too_many_pixels, too_complex or unsupported_type. An OSError
    is about the files themselves.
    """
    data = source.read_bytes()
    with _true_reasons():
        result, files = _Work(data, options).compressed()
    _write(files, folder)
    return result


def render(source: Path, folder: Path, options: Options) -> list[Rendition]:
    """Write the renditions of `source` into `folder`, the largest first. Raises what `compress` raises."""
    data = source.read_bytes()
    with _true_reasons():
        renditions, files = _Work(data, options).renditions()
    _write(files, folder)
    return renditions


def edit(source: Path, folder: Path, options: Options) -> tuple[Result, list[Rendition]]:
    """Both at once, from one decoding. What moves has no renditions. Raises what `compress` raises."""
    data = source.read_bytes()
    with _true_reasons():
        work = _Work(data, options)
        result, files = work.compressed(with_room_for=_rendition_sizes(work.view))
        renditions, more_files = work.renditions()
    _write(files | more_files, folder)
    return result, renditions


@dataclass(frozen=True)
class _Version:
    """A file to hand out, and how large what it shows is."""

    data: bytes
    extension: str
    content_type: str
    size: Size
    is_animated: bool


class _Work:
    """One picture at work. It is decoded once; every version is made from the smallest larger one there is."""

    def __init__(self, data: bytes, options: Options) -> None:
        self._data = data
        self._options = options
        self._made: list[Image.Image] = []
        self._use(open_picture(data, options.max_pixels))

    def _use(self, picture: Picture) -> None:
        self._picture = picture
        self.view = picture.view(self._options.crop, flip=self._options.flip, rotation=self._options.rotation)

    def compressed(self, with_room_for: Iterable[Size] = ()) -> tuple[Result, Files]:
        """The result and the files it names. `with_room_for` are sizes that will be asked for next."""
        header = self._picture.header
        is_animation = self._picture.frames > 1
        moving = self._moving
        original = None if header.format == "HEIF" else metadata.clean(self._data, header.format)
        notes = ["first_frame"] * (is_animation and not moving)
        files = {}
        if original is None:
            notes.append("original_reencoded")
            files["original.jpg"] = self._reencoded()
        elif original is not self._data:
            files["original" + header.extension] = original
        replacing = next(iter(files), None)
        replacing_size = len(files[replacing]) if replacing else None

        version = self._animated(moving) if moving else self._still(with_room_for)
        placeholder = encoding.placeholder(moving.frames[0] if moving else self._in(version.size))
        unchanged = version.content_type == header.content_type and version.is_animated == is_animation
        if original is not None and unchanged and self.view.is_whole and len(version.data) >= len(original):
            notes.append("already_optimal")
            size = header.width, header.height
            version = _Version(original, header.extension, header.content_type, size, version.is_animated)
        name = "compressed" + version.extension
        facts = name, version.content_type, *version.size, len(version.data), replacing, replacing_size, placeholder
        result = Result(header.width, header.height, *facts, tuple(notes), version.is_animated)
        return result, files | {name: version.data}

    def renditions(self) -> tuple[list[Rendition], Files]:
        """The renditions, the largest first; none of what moves."""
        renditions: list[Rendition] = []
        files: Files = {}
        if self._moving:
            return renditions, files
        for size in _rendition_sizes(self.view):
            data = encoding.encode_rendition(self._in(size))
            name = f"{size[0]}.webp"
            files[name] = data
            renditions.append(Rendition(name, *size, len(data)))
        return renditions, files

    @cached_property
    def _moving(self) -> Animation | None:
        """The frames of a result that moves, as is wanted unless a format was chosen that can't."""
        wanted = self._picture.frames > 1 and self._options.format in (None, "webp")
        if not (wanted and animation.is_affordable(self._picture, self._size("webp"))):
            return None
        return animation.read(self._picture, self.view, self._size("webp"))

    def _animated(self, moving: Animation) -> _Version:
        data = encoding.encode_animation(moving, self._options.quality)
        return _Version(data, *encoding.FILE_TYPES["webp"], moving.frames[0].size, is_animated=True)

    def _still(self, with_room_for: Iterable[Size]) -> _Version:
        image_format = self._options.format or "jpeg"
        size = self._size(image_format)
        self._in(max((size, *with_room_for)))
        data = encoding.encode(self._in(size), image_format, self._options.quality)
        return _Version(data, *encoding.FILE_TYPES[image_format], size, is_animated=False)

    def _reencoded(self) -> bytes:
        """The whole picture as a JPEG; from now on everything else is made from its pixels."""
        self._use(decoding.rendered(self._picture, encoding.LIMITS["jpeg"][0]))
        assert isinstance(self._picture.image, Image.Image)
        return encoding.encode_original(self._picture.image)

    def _size(self, image_format: str) -> Size:
        return fitted(self.view.size, self._options.width, *encoding.LIMITS[image_format])

    def _in(self, size: Size) -> Image.Image:
        """What is shown, in `size`. Ask for the largest first: that uses the picture up."""
        if not self._made:
            self._made.append(self._picture.shown(self.view, size))
        larger = [image for image in self._made if image.width >= size[0] and image.height >= size[1]]
        image = min(larger or self._made[:1], key=lambda image: image.width)
        if image.size == size:
            return image
        self._made.append(image.resize(size, Image.Resampling.BICUBIC, reducing_gap=REDUCING_GAP))
        return self._made[-1]


def _rendition_sizes(view: View) -> list[Size]:
    """The largest first: the usual widths below the picture's own, and its own when that is not too much."""
    widths = {width for width in RENDITION_WIDTHS if width < view.size[0]}
    widths.add(min(view.size[0], RENDITION_WIDTHS[-1]))
    return [fitted(view.size, width, *encoding.LIMITS["webp"]) for width in sorted(widths, reverse=True)]


@contextmanager
def _true_reasons() -> Iterator[None]:
    """Whatever goes wrong with a picture in here comes out as a CompressionError that says why."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Pillow's remarks on odd files
        try:
            yield
        except CompressionError:
            raise
        except MemoryError:
            raise CompressionError("too_complex") from None
        except Exception as error:  # decoders raise whatever they like
            has_no_memory = any(words in str(error).lower() for words in NO_MEMORY)
            raise CompressionError("too_complex" if has_no_memory else "damaged_image") from error


def _write(files: Files, folder: Path) -> None:
    for name, data in files.items():
        (folder / name).write_bytes(data)
