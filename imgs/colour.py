"""From the colours of a file to those that every screen assumes: sRGB, 8 bits each, transparency beside them."""

import io
from functools import lru_cache

from PIL import Image, ImageCms

SCREEN_GAMMA = 2.2
_SRGB = ImageCms.createProfile("sRGB")
_LEVELS = 65536
_ROUNDED = [(level * 255 + 32767) // 65535 for level in range(_LEVELS)]  # 16 bits to 8
_ALPHA_MODES = {"LA": "L", "La": "L", "RGBA": "RGB", "RGBa": "RGB"}


def resizable(image: Image.Image) -> Image.Image:
    """The same picture in a mode that resamples well: L, La, RGB, RGBa or CMYK, 8 bits each.

    Transparent ones come premultiplied, so that what is behind a transparent pixel never shines through at an edge.
    """
    if image.mode.startswith("I"):
        return _from_16_bits(image)
    if image.has_transparency_data and image.mode != "LA":
        if image.mode != "RGBA":  # to convert RGBA to itself would be to copy it
            image = image.convert("RGBA")
        return image.convert("RGBa")
    if image.mode == "LA":
        return image.convert("La")
    if image.mode in ("1", "P"):
        return image.convert("L" if image.mode == "1" else "RGB")
    return image if image.mode in ("L", "RGB", "CMYK") else image.convert("RGB")


def _from_16_bits(image: Image.Image) -> Image.Image:
    levels = image.convert("I")
    grey = levels.point(_ROUNDED, "L")
    transparent = image.info.get("transparency")
    if not isinstance(transparent, int):
        return grey
    alpha = [255] * _LEVELS
    alpha[transparent % _LEVELS] = 0
    return Image.merge("LA", (grey, levels.point(alpha, "L"))).convert("La")


def in_srgb(
    image: Image.Image, profile: bytes | None, gamma: float | None = None, *, in_place: bool = False
) -> Image.Image:
    """The picture as L, LA, RGB or RGBA in sRGB. A profile that makes no sense is passed over.

    `gamma` is what a PNG without a profile says of itself: 1 / 2.2 means nothing to do. With `in_place`, `image` itself
    may be converted.
    """
    if image.mode in ("La", "RGBa"):
        image = image.convert(image.mode.upper())
    if image.mode not in _ALPHA_MODES:
        return _opaque_in_srgb(image, profile, gamma, in_place=in_place)
    colours = _opaque_in_srgb(image.convert(_ALPHA_MODES[image.mode]), profile, gamma)
    colours.putalpha(image.getchannel("A"))
    return colours


def _opaque_in_srgb(
    image: Image.Image, profile: bytes | None, gamma: float | None, *, in_place: bool = False
) -> Image.Image:
    if profile:
        try:
            transform = _to_srgb(profile, image.mode)
            if transform and in_place and image.mode == "RGB":
                transform.apply_in_place(image)
            elif transform:
                return transform.apply(image).convert("L" if image.mode == "L" else "RGB")
        except (ImageCms.PyCMSError, OSError, ValueError):
            pass
    elif gamma and gamma > 0 and abs(gamma * SCREEN_GAMMA - 1) > 0.05:
        exponent = 1 / (SCREEN_GAMMA * gamma)
        table = [round(255 * (level / 255) ** exponent) for level in range(256)]
        return image.point(table * len(image.getbands()))
    return image.convert("RGB") if image.mode == "CMYK" else image


def on_white(image: Image.Image) -> Image.Image:
    """The picture without transparency, as on a white page."""
    if image.mode not in ("LA", "RGBA"):
        return image
    opaque = Image.new(image.mode[:-1], image.size, "white")
    opaque.paste(image.convert(opaque.mode), mask=image.getchannel("A"))
    return opaque


@lru_cache(maxsize=8)
def _to_srgb(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """How to get from `profile` to sRGB, None when that is where it is. Kept: building takes 6 ms, applying 0.8."""
    source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
    if ImageCms.getProfileDescription(source).startswith(("sRGB", "c2")):  # c2: the smallest sRGB profile in use
        return None
    return ImageCms.buildTransform(source, _SRGB, mode, "RGB")
