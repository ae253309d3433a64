"""The small version is right by construction, and no file makes it raise anything but its own errors."""

import struct
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, PngImagePlugin

from imgs.compression import Options, compress
from imgs.decoding import open_picture
from tests.imgs.compressing import Bench
from tests.pictures import (
    OTHER_TYPES,
    QUADRANTS,
    close,
    corners,
    encoded,
    gigapixel_gif,
    many_frames,
    photo,
    plain_png,
    quadrants,
    scan_bomb,
    turned,
)

FORMATS = ["JPEG", "PNG", "GIF", "WEBP", "AVIF"]
WHITE = (255, 255, 255)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.mark.parametrize("image_format", FORMATS)
def test_it_makes_a_jpeg_of_every_type(bench: Bench, image_format: str) -> None:
    result = bench.run(encoded(quadrants(400, 300), image_format))
    small = bench.made()
    assert (result.width, result.height) == (400, 300)
    assert (result.compressed, result.compressed_type) == ("compressed.jpg", "image/jpeg")
    assert (result.compressed_width, result.compressed_height) == (150, 113)
    assert result.compressed_size == (bench.folder / "compressed.jpg").stat().st_size
    assert (result.original, result.notes, result.is_animated) == (None, (), False)
    assert (small.format, small.size) == ("JPEG", (150, 113))
    assert all(close(colour, wanted) for colour, wanted in zip(corners(small), QUADRANTS, strict=True))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize(
    ("output", "name", "content_type"),
    [
        ("jpeg", "compressed.jpg", "image/jpeg"),
        ("webp", "compressed.webp", "image/webp"),
        ("avif", "compressed.avif", "image/avif"),
    ],
)
def test_it_writes_the_type_that_is_asked_for(
    bench: Bench, output: str, name: str, content_type: str, mode: str
) -> None:
    result = bench.run(encoded(Image.new(mode, (400, 300)), "PNG"), format=output, width=200)
    assert (result.compressed, result.compressed_type) == (name, content_type)
    assert (bench.made().format, bench.made().size) == (output.upper(), (200, 150))


@pytest.mark.parametrize("output", ["jpeg", "webp", "avif"])
def test_it_writes_the_quality_that_is_asked_for(bench: Bench, output: str) -> None:
    data = photo(800, 600)
    fine, coarse = (bench.run(data, width=300, quality=quality, format=output) for quality in (95, 20))
    assert (fine.compressed_width, coarse.compressed_width) == (300, 300)
    assert fine.compressed_size > 2 * coarse.compressed_size


@pytest.mark.parametrize(
    ("size", "output", "small_size"),
    [
        ((4, 20_000), "webp", (3, 16_383)),
        ((1, 70_000), "webp", (1, 16_383)),
        ((1, 20_000), "avif", (1, 20_000)),
        ((5000, 40), "webp", (4096, 33)),
        ((4000, 6000), "webp", (3344, 5016)),
        ((4000, 6000), "jpeg", (4000, 6000)),
    ],
)
def test_it_fits_into_what_the_type_can_hold(
    bench: Bench, size: tuple[int, int], output: str, small_size: tuple[int, int]
) -> None:
    bench.run(encoded(Image.new("L", size), "PNG"), width=4096, format=output)
    assert bench.made().size == small_size


@pytest.mark.parametrize(
    ("size", "small_size"),
    [
        ((4032, 3024), (150, 113)),
        ((3024, 4032), (150, 200)),
        ((151, 1), (150, 1)),
        ((150, 90), (150, 90)),
        ((100, 80), (100, 80)),
        ((1, 1), (1, 1)),
        ((10_000, 5), (150, 1)),
        ((5, 10_000), (5, 10_000)),
        ((1, 70_000), (1, 65_500)),
    ],
)
def test_it_keeps_the_shape_and_never_enlarges(
    bench: Bench, size: tuple[int, int], small_size: tuple[int, int]
) -> None:
    result = bench.run(encoded(Image.new("L", size), "PNG"))
    assert (result.width, result.height) == size
    assert (result.compressed_width, result.compressed_height) == small_size
    assert bench.made().size == small_size


@pytest.mark.parametrize("image_format", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_turns_the_picture_upright(bench: Bench, image_format: str, orientation: int) -> None:
    result = bench.run(turned(orientation, image_format, size=(1200, 600)))
    small = bench.made()
    assert (result.width, result.height, small.size) == (1200, 600, (150, 75))
    assert all(close(colour, wanted) for colour, wanted in zip(corners(small), QUADRANTS, strict=True))


@pytest.mark.parametrize(
    "exif", [b"Exif\0\0", b"Exif\0\0II*\0\xff\xff\xff\xff", b"Exif\0\0MM\0*\0\0\0\x08\xff\xff\x01"]
)
def test_it_takes_a_picture_with_broken_exif_as_upright(bench: Bench, exif: bytes) -> None:
    assert all(map(close, corners(bench.small(encoded(quadrants(), "JPEG", exif=exif))), QUADRANTS))


@pytest.mark.parametrize("output", ["jpeg", "webp", "avif"])
def test_it_keeps_every_colour_of_a_tiny_picture(bench: Bench, output: str) -> None:
    tiny = quadrants(8, 8)
    result, [rendition] = bench.edit(encoded(tiny, "PNG"), format=output)
    for name, tolerance in ((result.compressed, 70), (rendition.name, 0)):
        made = bench.decoded(name).convert("RGB")
        pairs = zip(made.get_flattened_data(), tiny.get_flattened_data(), strict=True)
        assert all(close(colour, wanted, tolerance) for colour, wanted in pairs)


def test_it_keeps_grey_grey(bench: Bench) -> None:
    small = bench.small(encoded(Image.new("L", (300, 200), 90), "JPEG"))
    assert small.mode == "L"
    assert small.getpixel((75, 50)) == pytest.approx(90, abs=2)


@pytest.mark.parametrize("mode", ["1", "P"])
def test_it_smooths_pictures_of_few_colours_instead_of_dropping_pixels(bench: Bench, mode: str) -> None:
    rows = [bytes((x + y) % 2 * 255 for x in range(300)) for y in range(200)]
    chequered = Image.frombytes("L", (300, 200), b"".join(rows))
    small = bench.small(encoded(chequered.convert(mode), "PNG")).convert("L")
    assert small.getpixel((75, 50)) == pytest.approx(127, abs=10)


def test_it_writes_no_metadata(bench: Bench) -> None:
    exif = Image.Exif()
    exif.get_ifd(0x8825)[2] = (48.0, 8.0, 15.0)
    exif[0x010E] = "my secret place"
    secrets = {"exif": exif.tobytes(), "comment": "my secret place", "dpi": (300, 300)}
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "my secret place")
    for data in (
        encoded(quadrants(), "JPEG", icc_profile=srgb, xmp=b"<x>my secret place</x>", **secrets),
        encoded(quadrants(), "PNG", icc_profile=srgb, pnginfo=note, **secrets),
        encoded(quadrants(), "GIF", **secrets),
    ):
        assert set(bench.small(data).info) == {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        assert b"secret" not in (bench.folder / "compressed.jpg").read_bytes()


def test_it_decodes_no_more_of_a_large_jpeg_than_it_needs() -> None:
    picture = open_picture(photo(3000, 2000), 50_000_000)
    assert picture.shown(picture.view(), (150, 100)).size == (150, 100)
    assert picture.image.size == (375, 250)  # an eighth


def test_it_decodes_no_more_of_a_large_webp_than_it_needs() -> None:
    picture = open_picture(encoded(quadrants(3000, 2000), "WEBP", method=0), 50_000_000)
    assert picture.shown(picture.view(), (150, 100)).size == (150, 100)
    assert picture.image.size == (231, 154)  # a thirteenth


@example(width=711, height=971, small_width=150, lossless=False)
@given(
    width=st.integers(160, 1200),
    height=st.integers(40, 1200),
    small_width=st.integers(16, 160),
    lossless=st.booleans(),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_it_scales_a_webp_of_any_size_while_it_decodes(
    width: int, height: int, small_width: int, lossless: bool
) -> None:
    picture = open_picture(encoded(quadrants(width, height), "WEBP", lossless=lossless, method=0), 50_000_000)
    size = small_width, max(1, height * small_width // width)
    small = picture.shown(picture.view(), size)
    assert small.size == size
    if min(size) > 12:
        assert all(close(*pair, tolerance=16) for pair in zip(corners(small), QUADRANTS, strict=True))


def test_it_refuses_more_pixels_than_allowed(bench: Bench) -> None:
    data = encoded(Image.new("L", (100, 50)), "PNG")
    assert bench.code(data, max_pixels=4999) == "too_many_pixels"
    assert bench.code(gigapixel_gif()) == "too_many_pixels"
    assert bench.run(data, max_pixels=5000).width == 100


def test_it_refuses_a_picture_that_names_two_sizes(bench: Bench) -> None:
    small, large = plain_png(10, 10), plain_png(4000, 3000)
    assert bench.code(small[:33] + large[8:], max_pixels=1_000_000) == "damaged_image"


@pytest.mark.parametrize("case", OTHER_TYPES)
def test_it_refuses_other_types(bench: Bench, case: str) -> None:
    assert bench.code(OTHER_TYPES[case]) == "unsupported_type"


@pytest.fixture
def no_decoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who opens a picture with any decoder gets another error than any that is expected."""
    monkeypatch.setattr("PIL.ImageFile.ImageFile.__init__", None)
    monkeypatch.setattr("pyvips.Source.new_from_memory", None)


@pytest.mark.usefixtures("no_decoders")
def test_it_refuses_a_scan_bomb_without_decoding_it(bench: Bench) -> None:
    assert bench.code(scan_bomb(5000)) == "too_complex"


def test_it_accepts_as_many_scans_as_an_odd_encoder_writes(bench: Bench) -> None:
    assert bench.run(scan_bomb(100)).width == 400


def test_it_refuses_one_scan_more(bench: Bench) -> None:
    assert bench.code(scan_bomb(101)) == "too_complex"


def test_it_counts_no_scans_in_what_a_camera_appends(bench: Bench) -> None:
    film = b"\xff\xda\0\0" * 1000
    comment = b"\xff\xfe" + struct.pack(">H", len(film) + 2) + film
    data = encoded(quadrants(), "JPEG", progressive=True)
    assert bench.run(data[:2] + comment + data[2:] + film).width == 400


@pytest.mark.usefixtures("no_decoders")
@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_it_refuses_an_animation_of_too_many_frames_without_decoding_one(bench: Bench, image_format: str) -> None:
    assert bench.code(many_frames(image_format, 90_000, 6000, 6000)) == "too_complex"


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_it_accepts_an_hour_of_a_whole_screen(bench: Bench, image_format: str) -> None:
    assert bench.run(many_frames(image_format, 36_000, 1920, 1080)).width == 1920


def test_it_leaves_errors_of_the_files_alone(bench: Bench, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        compress(tmp_path / "missing", bench.folder, Options())
    bench.source.write_bytes(encoded(quadrants(), "JPEG"))
    with pytest.raises(FileNotFoundError):
        compress(bench.source, tmp_path / "missing", Options())
