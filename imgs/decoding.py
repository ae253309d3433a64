"""Opens strangers' pictures and shows them upright, in sRGB and in the size that is wanted.

Stills that are PNG or WebP are decoded by libvips, large HEICs tile by tile, everything else by Pillow: also PNGs that
libvips finds too broken, or would hold more of.
"""

import io
from contextlib import suppress
from dataclasses import dataclass, replace

import pi_heif.options
from pi_heif.as_plugin import HeifImageFile
from PIL import (
    AvifImagePlugin,
    GifImagePlugin,
    Image,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    WebPImagePlugin,
)

from imgs import colour, metadata
from imgs.complexity import MAX_FRAME_PIXELS, CompressionError, check, check_frames
from imgs.geometry import Box, Size, View, fitted
from imgs.header import Header, UnsupportedType, read_header
from imgs.resizing import Pixels, used_up
from imgs.stills import LARGE_PIXELS, BrokenStill, open_png, open_webp
from imgs.tiles import open_tiles

# A flag in the header of a WebP. Many encoders forget it when nothing is shown around an animation's frames only
WEBP_ALPHA = 0x10
PNG_ESSENCE = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"sRGB", b"IDAT", b"IEND"}
ROWS_HELD = 512  # by libvips, of a PNG that is not interlaced
PNG_CHANNELS = {2: 3, 3: 4, 4: 2, 6: 4}  # by its type of colour; others have one

Image.preinit()  # now, so that the first picture does not wait for it
AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # there is a child for each CPU
pi_heif.options.DECODE_THREADS = 1
pi_heif.options.THUMBNAILS = pi_heif.options.DEPTH_IMAGES = pi_heif.options.AUX_IMAGES = False

_OPENERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImagePlugin.JpegImageFile,  # also a phone's MPO, whose first picture is a plain JPEG
    "PNG": PngImagePlugin.PngImageFile,
    "GIF": GifImagePlugin.GifImageFile,
    "WEBP": WebPImagePlugin.WebPImageFile,
    "AVIF": AvifImagePlugin.AvifImageFile,
    "HEIF": HeifImageFile,
}


@dataclass(frozen=True)
class Picture:
    """An opened picture. Its pixels are decoded when they are asked for, and no larger than needed."""

    header: Header
    image: Pixels
    profile: bytes | None
    gamma: float | None
    frames: int = 1  # of an animation
    first_frame: int = 0
    spare: Image.Image | None = None  # the same, should libvips give up

    def view(self, crop: tuple[int, int, int, int] | None = None, *, flip: bool = False, rotation: int = 0) -> View:
        """What is shown when the upright picture is cropped, then mirrored, then turned."""
        return View(self.header.width, self.header.height, self.header.orientation, crop, flip, rotation)

    def shown(self, view: View, size: Size) -> Image.Image:
        """What `view` shows, in `size`, as L, LA, RGB or RGBA, without metadata. Uses the picture up."""
        return self.finished(self.resized(view.stored_box, view.stored_size(size)), view)

    def resized(self, box: Box, size: Size) -> Image.Image:
        """The part `box` as it lies in the file, in `size`, premultiplied. Uses the picture up, which saves memory."""
        if self.spare:
            with suppress(BrokenStill):
                return used_up(self.image, box, size)
            self.image.close()  # before the other one takes memory too
        return used_up(self.spare or self.image, box, size)

    def finished(self, image: Image.Image, view: View) -> Image.Image:
        """A resized frame of this picture in sRGB and turned, without metadata."""
        finished = view.turned(colour.in_srgb(image, self.profile, self.gamma))
        if finished is self.image:
            finished = finished.copy()
        finished.info.clear()  # a comment would be written into the file
        return finished


def rendered(picture: Picture, max_side: int) -> Picture:
    """The same picture with all its pixels decoded, upright and in sRGB. Uses `picture` up."""
    view = picture.view()
    size = fitted(view.size, max_side, max_side, view.width * view.height)
    image = picture.resized(view.stored_box, view.stored_size(size))
    image = view.turned(colour.in_srgb(image, picture.profile, picture.gamma, in_place=True))
    image.info.clear()
    header = replace(picture.header, width=image.width, height=image.height, orientation=1)
    return Picture(header, image, None, None)


def open_picture(data: bytes, max_pixels: int) -> Picture:
    """The picture in `data`, judged by its header and the number of its parts; nothing is decoded yet.

    Raises CompressionError, and whatever Pillow raises on broken files.
    """
    try:
        header = read_header(io.BytesIO(data))
    except UnsupportedType:
        raise CompressionError("unsupported_type") from None
    if header.width * header.height > max_pixels:
        raise CompressionError("too_many_pixels")
    counted = check(data, header)
    Image.MAX_IMAGE_PIXELS = max_pixels
    if header.format == "WEBP":
        return _open_webp(data, header, counted)
    if header.format == "PNG":
        return _open_png(data, header)
    if header.format == "HEIF":
        data = metadata.clean(data, "HEIF") or data  # the decoder crashes on names of metadata that are not ASCII
    image = _opened(data, header)
    if header.format == "HEIF" and (tiled := open_tiles(data, image.mode)):
        _check_size(tiled.size, header)
        return Picture(header, tiled, image.info.get("icc_profile"), None)
    frames = 1 if header.format == "HEIF" else max(1, counted or getattr(image, "n_frames", 1))
    check_frames(frames, header)
    return Picture(header, image, image.info.get("icc_profile"), None, frames)


def _open_webp(data: bytes, header: Header, frames: int) -> Picture:
    if frames or (data[12:16] == b"VP8X" and b"ALPH" in data):
        data = data[:20] + bytes((data[20] | WEBP_ALPHA,)) + data[21:]
    if frames > 1 and header.width * header.height <= MAX_FRAME_PIXELS:
        image = _opened(data, header)
        return Picture(header, image, image.info.get("icc_profile"), None, frames)
    still = open_webp(data)
    _check_size(still.size, header)
    return Picture(header, still, still.profile, None, max(1, frames))


def _opened(data: bytes, header: Header) -> ImageFile.ImageFile:
    image = _OPENERS[header.format](io.BytesIO(data))
    _check_size(image.size, header)
    return image


def _check_size(size: Size, header: Header) -> None:
    """Two readers that disagree: the limit on pixels was not about this picture."""
    if size != header.stored_size:
        raise CompressionError("damaged_image")


def _open_png(data: bytes, header: Header) -> Picture:
    """Pillow gives up on a broken profile, text or animation, where browsers show the picture without it."""
    try:
        image = _opened(data, header)
        frames, first_frame = _apng_frames(image)
        if frames > 1 or first_frame:
            image.load()
            image.seek(first_frame)
            image.load()
    except (CompressionError, MemoryError):
        raise
    except Exception:  # noqa: BLE001 (decoders raise whatever they like)
        data = _essence(data)
        image = _opened(data, header)
        frames, first_frame = _apng_frames(image)
    check_frames(frames, header)
    profile = image.info.get("icc_profile")
    gamma = None if "srgb" in image.info else image.info.get("gamma")
    _fit_colour_key(image, bits=data[24])
    if frames == 1 and not first_frame and not _is_costly(data, header):
        with suppress(BrokenStill):
            still = open_png(data)
            _check_size(still.size, header)
            return Picture(header, still, profile, gamma, spare=image)
    return Picture(header, image, profile, gamma, frames, first_frame)


def _is_costly(data: bytes, header: Header) -> bool:
    """Whether libvips would hold as much of this large PNG as Pillow, which has 4 bytes of each pixel."""
    width, height = header.stored_size
    rows = height if data[28] else min(height, ROWS_HELD)
    row_bytes = width * PNG_CHANNELS.get(data[25], 1) * (2 if data[24] == 16 else 1)
    return width * height > LARGE_PIXELS and rows * row_bytes >= height * width * 4


def _apng_frames(image: ImageFile.ImageFile) -> tuple[int, int]:
    """How many frames the animation has, 1 when the picture is still, and which of all pictures is its first."""
    first = 1 if getattr(image, "default_image", False) else 0  # a picture for those who can't show the rest
    return max(1, getattr(image, "n_frames", 1) - first), first


def _essence(data: bytes) -> bytes:
    """A PNG without any chunk that its still picture could do without."""
    parts, place = [data[:8]], 8
    while place + 12 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] in PNG_ESSENCE:
            parts.append(data[place:end])
        place = end
    return b"".join(parts)


def _fit_colour_key(image: Image.Image, bits: int) -> None:
    """Pillow gives a PNG's colours 8 bits, but leaves the colour that counts as transparent in those of the file."""
    key = image.info.get("transparency")
    if image.mode == "RGB" and isinstance(key, tuple) and bits == 16:
        image.info["transparency"] = tuple(level >> 8 for level in key)
    if image.mode == "L" and isinstance(key, int) and bits < 8:
        most = (1 << bits) - 1
        image.info["transparency"] = (key & most) * 255 // most
