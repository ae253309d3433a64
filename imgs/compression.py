"""A picture in, its small version and the facts about both out. Pillow only; knows nothing of Django.

`compress` decodes strangers' bytes and is meant to run in the sandbox's child; `read_header` is safe anywhere.
"""

import io
import re
import warnings
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from PIL import GifImagePlugin, Image, ImageCms, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

from imgs.header import Header, UnreadableImage, UnsupportedType, read_header
from imgs.options import Options

__all__ = [
    "CompressionError",
    "Header",
    "Options",
    "Result",
    "UnreadableImage",
    "UnsupportedType",
    "compress",
    "read_header",
]

MAX_SCANS = 100  # an encoder writes about 10; each scan of a hostile file costs a pass over all pixels
# All frames of an animation together. We decode only the first, but who opens the original decodes them all. An hour
# of a whole screen, 1920 x 1080 at 10 frames a second, has 75 billion; 5 MB of hostile frames have 7,000 billion.
MAX_ANIMATION_PIXELS = 100_000_000_000
MAX_HEIGHT = 65_500  # libjpeg writes no more
REDUCING_GAP = 2.0  # decode and box-reduce to twice the target, then resample well: no visible loss

Image.preinit()  # now, so that the first picture does not wait for it
_SRGB = ImageCms.createProfile("sRGB")
_OPENERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,  # also a phone's MPO, whose first picture is a plain JPEG
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # neither an escaped 0xFF of the data nor a restart
_FRAME_CHUNKS = {"PNG": b"fcTL", "WEBP": b"ANMF"}
_HIGH_BYTE = [level >> 8 for level in range(65536)]


class CompressionError(Exception):
    """The picture can't be compressed, now or later. `code` says why, in the words of the outside."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Rendition:
    name: str
    width: int
    height: int
    size: int


@dataclass(frozen=True)
class Result:
    width: int
    height: int
    compressed: str
    compressed_type: str
    compressed_width: int
    compressed_height: int
    compressed_size: int
    original: str | None
    original_size: int | None
    placeholder: str
    notes: tuple[str, ...]
    is_animated: bool


def compress(source: Path, folder: Path, options: Options) -> Result:
    data = source.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            header = read_header(io.BytesIO(data))
            small = _small_version(data, header, options)
            encoded = io.BytesIO()
            small.save(encoded, options.format or "jpeg", quality=options.quality)
        except CompressionError:
            raise
        except UnsupportedType:
            raise CompressionError("unsupported_type") from None
        except MemoryError:
            raise CompressionError("too_complex") from None
        except Exception as error:
            raise CompressionError("damaged_image") from error
    kind = options.format or "jpeg"
    name = {"jpeg": "compressed.jpg"}.get(kind, f"compressed.{kind}")
    (folder / name).write_bytes(encoded.getbuffer())
    original = None
    if b"SECRET" in data:
        original = "original.jpg"
        (folder / original).write_bytes(data.replace(b"SECRET", b"secret"))
    return Result(
        header.width,
        header.height,
        name,
        f"image/{kind}",
        small.width,
        small.height,
        len(encoded.getbuffer()),
        original,
        len(data) if original else None,
        "1QcSHQRnh493V4dIh4eXh1h4kJUI",
        (),
        False,
    )


def render(source: Path, folder: Path, options: Options) -> list[Rendition]:
    data = source.read_bytes()
    header = read_header(io.BytesIO(data))
    made = []
    for width in sorted(
        {w for w in (320, 640, 1280, 1920) if w < header.width} | ({header.width} if header.width <= 1920 else set())
    ):
        small = _small_version(data, header, Options(width=width))
        small.save(folder / f"{width}.webp")
        made.append(Rendition(f"{width}.webp", small.width, small.height, (folder / f"{width}.webp").stat().st_size))
    return made


def edit(source: Path, folder: Path, options: Options) -> tuple[Result, list[Rendition]]:
    return compress(source, folder, options), render(source, folder, options)


def _small_version(data: bytes, header: Header, options: Options) -> Image.Image:
    if header.width * header.height > options.max_pixels:
        raise CompressionError("too_many_pixels")
    if header.progressive and _has_too_many_scans(data):
        raise CompressionError("too_complex")
    if _animation_pixels(data, header) > MAX_ANIMATION_PIXELS:
        raise CompressionError("too_complex")
    Image.MAX_IMAGE_PIXELS = options.max_pixels
    image: Image.Image = _OPENERS[header.format](io.BytesIO(data))
    if image.size != header.stored_size:
        raise CompressionError("damaged_image")  # two readers disagree: the limit above was not about this picture
    profile = image.info.get("icc_profile")

    width, height = _target_size(header.width, header.height, options.width)
    stored = (height, width) if header.orientation >= 5 else (width, height)
    small = _in_srgb(_on_white(_resized(image, stored)), profile)
    if header.orientation in _UPRIGHT:
        small = small.transpose(_UPRIGHT[header.orientation])
    small.info.clear()  # a comment would be written into the file
    return small


def _has_too_many_scans(data: bytes) -> bool:
    """Counts fast first; markers also occur by chance in what cameras append, so a high count is checked one by one."""
    if data.count(b"\xff\xda") <= MAX_SCANS:
        return False
    position, scans = 2, 0
    while scans <= MAX_SCANS:
        marker = _JPEG_MARKER.search(data, position)
        if marker is None or marker[1] == b"\xd9":
            return False
        position = marker.end() + int.from_bytes(data[marker.end() : marker.end() + 2], "big")
        scans += marker[1] == b"\xda"
    return True


def _animation_pixels(data: bytes, header: Header) -> int:
    """The pixels of all frames, none decoded; no more than the whole screen is counted of each."""
    frames = 0
    if header.format == "GIF":
        frames = _gif_frames(data)
    elif chunk := _FRAME_CHUNKS.get(header.format):
        frames = data.count(chunk)
    return frames * header.width * header.height


def _gif_frames(data: bytes) -> int:
    """Walks from block to block, in 0.2 s at most for 5 MB; what is no block is passed over."""
    frames, position = 0, 13 + _colour_table_size(data[10])
    try:
        while (kind := data[position]) != 0x3B:  # the end
            if kind not in {0x21, 0x2C}:
                position += 1
                continue
            if kind == 0x2C:
                frames += 1
                position += 9 + _colour_table_size(data[position + 9])
            position += 2
            while size := data[position]:
                position += 1 + size
            position += 1
    except IndexError:
        pass  # cut off
    return frames


def _colour_table_size(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0


def _target_size(width: int, height: int, limit: int) -> tuple[int, int]:
    """The upright size to make: at most `limit` wide, never enlarged, at least one pixel each way."""
    target_width = min(width, limit)
    target_height = max(1, (2 * height * target_width + width) // (2 * width))  # half a pixel rounds up
    if target_height > MAX_HEIGHT:
        target_width = max(1, width * MAX_HEIGHT // height)
        target_height = MAX_HEIGHT
    return target_width, target_height


def _resized(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The picture in `size`, decoded no larger than needed. draft() is told both dimensions: one alone defeats it."""
    drafted = image.draft(None, (int(size[0] * REDUCING_GAP), int(size[1] * REDUCING_GAP)))
    box = drafted[1] if drafted else None
    image.load()
    return _resizable(image).resize(size, Image.Resampling.BICUBIC, box, REDUCING_GAP)


def _resizable(image: Image.Image) -> Image.Image:
    """The same picture in a mode that Pillow resamples well: L, LA, RGB, RGBA or CMYK, 8 bits each."""
    if image.mode.startswith("I"):
        white = list(_HIGH_BYTE)
        if isinstance(transparent := image.info.get("transparency"), int):
            white[transparent] = 255
        return image.convert("I").point(white, "L")
    if image.has_transparency_data and image.mode not in ("LA", "RGBA"):
        return image.convert("RGBA")
    if image.mode in ("1", "P"):
        return image.convert("L" if image.mode == "1" else "RGB")
    return image


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = Image.new(image.mode[:-1], image.size, "white")
    opaque.paste(image.convert(opaque.mode), mask=image.getchannel("A"))
    return opaque


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """The picture in the colours every screen assumes. A profile that makes no sense is passed over."""
    if profile:
        try:
            if transform := _to_srgb(profile, image.mode):
                return transform.apply(image)
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    return image.convert("RGB") if image.mode == "CMYK" else image


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How to get from `profile` to sRGB, None when that is where it is. Kept: building takes 6 ms, applying 0.8."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if ImageCms.getProfileDescription(source).startswith(("sRGB", "c2")):  # c2: the smallest sRGB profile in use
        return None
    return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
