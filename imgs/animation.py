"""The frames of an animation, brought to size one by one."""

from dataclasses import dataclass

from PIL import Image

from imgs.complexity import MAX_FRAME_PIXELS
from imgs.decoding import Picture
from imgs.geometry import Size, View
from imgs.resizing import resized

MAX_FRAMES = 500
# Of all frames together: at most about 3 s to decode and to encode
MAX_SOURCE_PIXELS = 150_000_000
MAX_RESULT_PIXELS = 25_000_000
SHORTEST_MS = 20  # browsers show a frame that claims to last less for 100 ms
USUAL_MS = 100
LONGEST_MS = 3_600_000  # 500 of these are as long as a WebP can be
MOST_LOOPS = 65_535


@dataclass(frozen=True)
class Animation:
    """Frames as they are shown, each for so many milliseconds; `loops` is how often, 0 for ever."""

    frames: list[Image.Image]
    durations: list[int]
    loops: int


def is_affordable(picture: Picture, size: Size) -> bool:
    """Whether all frames can be brought to `size` in a few seconds and 300 MB."""
    frame_pixels = picture.header.width * picture.header.height
    return (
        picture.frames <= MAX_FRAMES
        and frame_pixels <= MAX_FRAME_PIXELS
        and picture.frames * frame_pixels <= MAX_SOURCE_PIXELS
        and picture.frames * size[0] * size[1] <= MAX_RESULT_PIXELS
    )


def read(picture: Picture, view: View, size: Size) -> Animation | None:
    """All frames as `view` shows them, in `size`. A broken frame ends the animation, as it does in browsers; None when
    nothing moves: fewer than two are left, or all are alike.
    """
    image = picture.image
    assert isinstance(image, Image.Image)
    frames: list[Image.Image] = []
    durations: list[int] = []
    for number in range(picture.first_frame, picture.first_frame + picture.frames):
        try:
            image.seek(number)
            frame = picture.finished(resized(image, view.stored_box, view.stored_size(size)), view)
        except MemoryError:
            raise
        except Exception:  # noqa: BLE001 (decoders raise whatever they like)
            break
        frames.append(frame)
        durations.append(_duration(image))
    if len(frames) > 1 and all(frame.convert("RGBA") == frames[0].convert("RGBA") for frame in frames[1:]):
        return None  # and stay at the last: going back, Pillow loses the palette of an APNG
    image.seek(picture.first_frame)
    return Animation(frames, durations, _loops(image, picture.header.format)) if len(frames) > 1 else None


def _duration(image: Image.Image) -> int:
    milliseconds = round(image.info.get("duration") or 0)
    return min(milliseconds, LONGEST_MS) if milliseconds >= SHORTEST_MS else USUAL_MS


def _loops(image: Image.Image, image_format: str) -> int:
    """How often the whole is shown. A GIF without a word on that plays once, and with one so many times more."""
    loops = image.info.get("loop")
    if image_format == "GIF":
        loops = 1 if loops is None else loops and loops + 1
    return min(int(loops or 0), MOST_LOOPS)
