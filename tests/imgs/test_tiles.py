"""Large HEICs of tiles, as phones make them, come out as if they had been decoded whole."""

import io
import struct
from typing import Any

import pytest
from PIL import Image, ImageChops

from imgs import decoding, isobmff, tiles
from imgs.tiles import Tiled
from tests import pictures
from tests.heic import box, heic
from tests.profiles import DISPLAY_P3, matrix_profile

SIZE = 400, 176  # not a whole number of tiles
TILE = 64
ORIENTATIONS = [{"quarters": quarters, "mirror": mirror} for quarters in range(4) for mirror in (None, 0, 1)]


def drawn() -> Image.Image:
    return Image.open(io.BytesIO(pictures.photo(*SIZE, seed=5, quality=95))).convert("RGB")


@pytest.fixture
def few_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "LARGE_PIXELS", 0)


def decoded(data: bytes) -> tuple[Image.Image, bool]:
    """The picture as it is shown, and whether it was put together from its tiles."""
    picture = decoding.open_picture(data, 50_000_000)
    view = picture.view()
    return picture.shown(view, view.size), isinstance(picture.image, Tiled)


def assert_alike(one: Image.Image, other: Image.Image) -> None:
    assert (one.size, one.mode) == (other.size, other.mode)
    assert max(most for _, most in ImageChops.difference(one, other).getextrema()) <= 8  # colours at edges of tiles


@pytest.mark.parametrize("turned", [*ORIENTATIONS, {"profile": matrix_profile(DISPLAY_P3)}], ids=str)
def test_it_puts_tiles_together(turned: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    data = heic(drawn(), tile=TILE, **turned)
    whole, in_tiles = decoded(data)
    assert not in_tiles
    monkeypatch.setattr(tiles, "LARGE_PIXELS", 0)
    put_together, in_tiles = decoded(data)
    assert in_tiles
    assert_alike(put_together, whole)


@pytest.mark.parametrize("crop", [(100, 30, 37, 90), (0, 0, 400, 1), (399, 0, 1, 176)], ids=str)
def test_it_gives_a_part(crop: tuple[int, int, int, int], few_are_enough: None) -> None:
    picture = decoding.open_picture(heic(drawn(), tile=TILE, quarters=2), 50_000_000)
    view = picture.view(crop)
    left, top, width, height = crop
    whole = drawn().transpose(Image.Transpose.ROTATE_180).crop((left, top, left + width, top + height))
    shown = picture.shown(view, view.size)
    assert shown.size == (width, height)
    difference = ImageChops.difference(shown, whole).resize((1, 1), Image.Resampling.BOX)
    assert max(most for _, most in difference.getextrema()) <= 8


def test_it_keeps_ten_bits_and_grey(few_are_enough: None) -> None:
    for image, bits in ((drawn(), 10), (drawn().convert("L"), 8)):
        shown, in_tiles = decoded(heic(image, tile=TILE, bits=bits))
        assert in_tiles
        assert shown.mode == image.mode
        assert shown.size == SIZE


@pytest.mark.parametrize(
    "data",
    [
        heic(drawn()),
        heic(drawn(), tile=TILE, clap=(200, 100)),
        heic(drawn(), tile=TILE, alpha=Image.new("L", SIZE, 90)),
        heic(drawn(), tile=TILE, nclx=box(b"colr", b"nclx" + struct.pack(">HHHB", 1, 13, 1, 0x80))),
    ],
    ids=["one piece", "cropped", "transparent", "other colours than its tiles"],
)
def test_it_leaves_alone_what_is_more_than_tiles(data: bytes, few_are_enough: None) -> None:
    _shown, in_tiles = decoded(data)
    assert not in_tiles


def test_whatever_is_broken_it_says_so() -> None:
    whole = heic(drawn(), tile=TILE)
    codes = set()
    for byte in range(0, whole.index(b"mdat"), 3):
        for broken in (whole[:byte], whole[:byte] + bytes([whole[byte] ^ 0xFF]) + whole[byte + 1 :]):
            try:
                grid = isobmff.primary_grid(broken)
                codes.add(grid is None)
                for tile in set(grid.tiles if grid else ()):
                    isobmff.with_primary(broken, tile)
            except isobmff.BrokenBoxes:
                codes.add("broken")
    assert codes == {True, False, "broken"}


def test_a_broken_tile_is_a_damaged_picture(few_are_enough: None) -> None:
    data = heic(drawn(), tile=TILE)
    at = data.rfind(b"mdat")
    picture = decoding.open_picture(data[: at + 4] + bytes(len(data) - at - 4), 50_000_000)
    assert isinstance(picture.image, Tiled)
    with pytest.raises(Exception, match=r"."):
        picture.shown(picture.view(), SIZE)
