"""Pictures that are decoded in rows come out right, however wide these are and whoever decodes them."""

import io

import pytest
import pyvips
from PIL import Image, ImageChops

from imgs import decoding
from imgs.decoding import open_picture
from imgs.stills import Still
from tests.pictures import QUADRANTS, close, corners, encoded, photo, quadrants


@pytest.mark.parametrize("size", [(300, 6), (7, 1), (16_000, 300)], ids=str)
def test_it_reduces_very_wide_rows(size: tuple[int, int]) -> None:
    image = Image.open(io.BytesIO(photo(400, 300, seed=3))).resize((16_000, 300)).convert("RGBA")
    picture = open_picture(encoded(image, "PNG"), 50_000_000)
    shown = picture.shown(picture.view(), size)
    wanted = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=1.5)
    assert shown.size == size
    shown = shown.convert("RGBA")
    assert max(most for _, most in ImageChops.difference(shown, wanted).getextrema()) <= 2


@pytest.mark.parametrize("interlaced", [True, False])
@pytest.mark.parametrize("bands", [3, 4])
def test_it_leaves_to_pillow_what_libvips_would_hold_more_of(
    bands: int, interlaced: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "LARGE_PIXELS", 0)
    pixels = quadrants(400, 300).convert("RGB" if bands == 3 else "RGBA")
    image = pyvips.Image.new_from_memory(pixels.tobytes(), 400, 300, bands, "uchar").linear(257, 0).cast("ushort")
    data = bytes(image.copy(interpretation="rgb16").pngsave_buffer(interlace=interlaced))
    assert (data[24], data[28]) == (16, interlaced)
    picture = open_picture(data, 50_000_000)
    assert not isinstance(picture.image, Still)
    shown = picture.shown(picture.view(), (100, 75)).convert("RGB")
    assert all(close(colour, wanted) for colour, wanted in zip(corners(shown), QUADRANTS, strict=True))
