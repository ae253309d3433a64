"""What moves keeps moving, as an animated WebP, within limits; what can't says so."""

import io
from pathlib import Path

import pytest
from PIL import Image, ImageSequence

from imgs import animation as limits
from tests.imgs.compressing import Bench
from tests.pictures import BLUE, GREEN, RED, YELLOW, animation, close, encoded, many_frames

COLOURS = (RED, BLUE, GREEN)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def shown(image: Image.Image) -> list[tuple[tuple[int, ...], int]]:
    """The colour in the middle of each frame and how long it is shown, in milliseconds."""
    frames = []
    for frame in ImageSequence.Iterator(image):
        pixel = frame.convert("RGBA").getpixel((image.width // 2, image.height // 2))
        frames.append((pixel, frame.info["duration"]))
    return frames


@pytest.mark.parametrize("output", [None, "webp"])
@pytest.mark.parametrize("image_format", ["GIF", "WEBP", "PNG", "AVIF"])
def test_it_keeps_an_animation_moving(bench: Bench, image_format: str, output: str | None) -> None:
    data = animation(image_format, colours=COLOURS, duration=[100, 250, 400])
    result = bench.run(data, format=output)
    assert result.is_animated
    assert (result.compressed, result.compressed_type, result.notes) == ("compressed.webp", "image/webp", ())
    assert (result.compressed_width, result.compressed_height) == (150, 100)
    frames = shown(bench.made())
    assert [duration for _pixel, duration in frames] == [100, 250, 400]
    assert all(close(pixel, (*wanted, 255)) for (pixel, _duration), wanted in zip(frames, COLOURS, strict=True))


@pytest.mark.parametrize(
    ("image_format", "options", "plays"),
    [
        ("GIF", {}, 1),
        ("GIF", {"loop": 0}, 0),
        ("GIF", {"loop": 2}, 3),
        ("PNG", {"loop": 0}, 0),
        ("PNG", {"loop": 2}, 2),
        ("WEBP", {"loop": 2}, 2),
        ("GIF", {"loop": 65_535}, 65_535),
        ("PNG", {"loop": 1_000_000}, 65_535),
    ],
)
def test_it_plays_as_often_as_before(bench: Bench, image_format: str, options: dict[str, int], plays: int) -> None:
    assert bench.small(animation(image_format, **options)).info["loop"] == plays


def test_it_shows_a_frame_that_claims_to_last_nothing_as_long_as_browsers_do(bench: Bench) -> None:
    assert [duration for _pixel, duration in shown(bench.small(animation("GIF", duration=[0, 20])))] == [100, 20]


def test_it_shows_no_frame_for_more_than_an_hour(bench: Bench) -> None:
    assert shown(bench.small(animation("PNG", duration=[60_000_000, 50])))[0][1] == 3_600_000


def test_it_finds_what_lies_outside_of_all_frames_transparent(bench: Bench) -> None:
    frames = [Image.new("RGBA", (300, 200), (0, 0, 0, 0)) for _ in range(2)]
    for frame, colour in zip(frames, (RED, BLUE), strict=True):
        frame.paste((*colour, 255), (100, 50, 200, 150))
    for image_format in ("WEBP", "GIF", "PNG"):
        data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100)
        small = bench.small(data, rotation=180)
        assert (small.getpixel((10, 10))[3], small.getpixel((75, 50))[3]) == (0, 255)


@pytest.mark.parametrize("disposal", [1, 2, 3])
def test_it_clears_a_frame_as_its_disposal_says(bench: Bench, disposal: int) -> None:
    empty = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
    frames = [empty.copy() for _ in range(3)]
    for place, (frame, colour) in enumerate(zip(frames, COLOURS, strict=True)):
        frame.paste((*colour, 255), (place * 30, 0, place * 30 + 30, 100))
    data = encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], disposal=disposal, duration=100)
    moving, before = bench.small(data), Image.open(io.BytesIO(data))
    for number in range(3):
        moving.seek(number)
        before.seek(number)
        wanted = before.convert("RGBA")
        for x in (15, 45, 75):
            got = moving.convert("RGBA").getpixel((x, 50))
            assert got[3] == wanted.getpixel((x, 50))[3]
            assert got[3] == 0 or close(got, wanted.getpixel((x, 50)), 24)


def test_it_turns_and_crops_every_frame(bench: Bench) -> None:
    frames = [Image.new("RGB", (300, 200), YELLOW) for _ in range(2)]
    for frame, colour in zip(frames, (RED, BLUE), strict=True):
        frame.paste(colour, (0, 0, 100, 200))
    data = encoded(frames[0], "GIF", save_all=True, append_images=[frames[1]], duration=100)
    result = bench.run(data, crop=(0, 0, 100, 200), rotation=90)
    assert (result.compressed_width, result.compressed_height) == (150, 75)
    assert [close(pixel[:3], colour) for (pixel, _), colour in zip(shown(bench.made()), (RED, BLUE), strict=True)]


@pytest.mark.parametrize("output", ["jpeg", "avif"])
def test_it_shows_the_first_frame_where_nothing_moves_and_says_so(bench: Bench, output: str) -> None:
    result = bench.run(animation("GIF"), format=output)
    assert (result.is_animated, result.notes) == (False, ("first_frame",))
    assert close(bench.made().convert("RGB").getpixel((75, 50)), RED)


@pytest.mark.parametrize("output", [None, "webp"])
@pytest.mark.parametrize(
    ("frames", "width", "height"),
    [(limits.MAX_FRAMES + 1, 32, 32), (limits.MAX_SOURCE_PIXELS // 10**6 + 1, 1000, 1000)],
)
def test_it_shows_the_first_frame_of_what_would_take_long(
    bench: Bench, frames: int, width: int, height: int, output: str | None
) -> None:
    result = bench.run(many_frames("GIF", frames - 1, width, height), format=output)
    assert (result.is_animated, result.notes) == (False, ("first_frame",))
    assert result.compressed_type == ("image/webp" if output else "image/jpeg")


def test_it_shows_the_first_frame_when_the_result_would_be_huge(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RESULT_PIXELS", 60_000)
    assert bench.run(animation("GIF"), width=200).is_animated
    assert bench.run(animation("GIF"), width=300).notes == ("first_frame",)


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_it_takes_a_picture_of_one_frame_as_still(bench: Bench, image_format: str) -> None:
    result = bench.run(animation(image_format, colours=[RED]))
    assert (result.is_animated, result.notes, result.compressed_type) == (False, (), "image/jpeg")


@pytest.mark.parametrize("image_format", ["GIF", "PNG", "WEBP"])
def test_it_takes_an_animation_whose_frames_look_alike_as_still(bench: Bench, image_format: str) -> None:
    frames = [Image.new("RGB", (30, 20), colour) for colour in COLOURS]
    for frame in frames:
        frame.paste(YELLOW, (0, 0, 10, 10))
    data = encoded(frames[0], image_format, save_all=True, append_images=frames[1:], duration=100, lossless=True)
    assert bench.run(data).is_animated
    result, renditions = bench.edit(data, crop=(0, 0, 10, 10))
    assert (result.is_animated, result.notes, len(renditions)) == (False, ("first_frame",), 1)
    assert close(bench.made().convert("RGB").getpixel((5, 5)), YELLOW)
    assert len(bench.renditions(data, crop=(0, 0, 10, 10))) == 1


@pytest.mark.parametrize(
    ("frames", "options", "notes"),
    [((BLUE,), {}, ()), ((BLUE, BLUE), {}, ("first_frame",)), ((BLUE, GREEN), {"format": "jpeg"}, ("first_frame",))],
    ids=["one frame", "frames that look alike", "a type that can't move"],
)
def test_it_shows_the_first_frame_of_an_apng_and_not_the_picture_for_those_who_cannot(
    bench: Bench, frames: tuple[tuple[int, ...], ...], options: dict[str, str], notes: tuple[str, ...]
) -> None:
    shown_frames = [Image.new("RGB", (300, 200), colour) for colour in frames]
    for number, frame in enumerate(shown_frames):
        frame.putpixel((0, 0), (number, 0, 0))  # the encoder leaves out a frame like the one before
    data = encoded(
        Image.new("RGB", (300, 200), RED),
        "PNG",
        save_all=True,
        append_images=shown_frames,
        default_image=True,
        duration=100,
    )
    result = bench.run(data, crop=(100, 0, 200, 200), **options)
    assert (result.is_animated, result.notes) == (False, notes)
    assert close(bench.made().getpixel((75, 50)), BLUE)


def test_it_keeps_the_colours_of_an_apng_with_a_palette_whose_frames_look_alike(bench: Bench) -> None:
    frames = [Image.new("P", (300, 200), 1) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.putpalette(bytes((*RED, *BLUE, *GREEN)))
        frame.putpixel((0, 0), number)
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    assert bench.run(data, crop=(100, 0, 200, 200)).notes == ("first_frame",)
    assert close(bench.made().getpixel((75, 50)), BLUE)


def test_it_leaves_out_the_picture_for_those_who_cannot_show_an_apng(bench: Bench) -> None:
    frames = [Image.new("RGB", (300, 200), colour) for colour in COLOURS]
    data = encoded(frames[0], "PNG", save_all=True, append_images=frames[1:], default_image=True, duration=100)
    assert all(
        close(pixel[:3], colour) for (pixel, _), colour in zip(shown(bench.small(data)), (BLUE, GREEN), strict=True)
    )


def test_it_keeps_the_frames_before_a_broken_one(bench: Bench) -> None:
    data = animation("GIF", colours=COLOURS)
    cut = data[: data.rindex(b"\x2c") + 14]  # in the pixels of the third
    assert len(shown(bench.small(cut))) == 2
    early = animation("GIF")
    result = bench.run(early[: early.rindex(b"\x2c") + 14])
    assert (result.is_animated, result.notes) == (False, ("first_frame",))
    assert close(bench.made().getpixel((75, 50)), RED)
    assert len(bench.renditions(early[: early.rindex(b"\x2c") + 14])) == 1


def test_it_makes_renditions_of_the_first_frame_of_what_is_shown_still(bench: Bench) -> None:
    assert bench.renditions(animation("GIF")) == []
    [rendition] = bench.renditions(animation("GIF"), format="jpeg")
    assert close(bench.decoded(rendition.name).convert("RGB").getpixel((75, 50)), RED)


def test_it_makes_no_renditions_of_what_moves_after_an_edit(bench: Bench) -> None:
    result, renditions = bench.edit(animation("GIF"), flip=True)
    assert (result.is_animated, renditions) == (True, [])
    result, renditions = bench.edit(animation("GIF"), flip=True, format="jpeg")
    assert (result.is_animated, len(renditions)) == (False, 1)
