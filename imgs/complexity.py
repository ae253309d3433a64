"""Judges, before anything is decoded, whether a picture is worth the time that it would take."""

import re

from imgs.header import Header

MAX_SCANS = 100  # an encoder writes about 10; each scan of a hostile file costs a pass over all pixels
MAX_FRAME_PIXELS = 12_000_000  # of what is to move: decoders of animations hold four frames at once
# All frames of an animation together. We decode only some, but who opens the original decodes them all. An hour
# of a whole screen, 1920 x 1080 at 10 frames a second, has 75 billion; 5 MB of hostile frames have 7,000 billion.
MAX_ANIMATION_PIXELS = 100_000_000_000

_JPEG_MARKER = re.compile(rb"\xff+([\x01-\xcf\xd8-\xfe])")  # neither an escaped 0xFF of the data nor a restart


class CompressionError(Exception):
    """The picture can't be compressed, now or later. `code` says why, in the words of the outside."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def check(data: bytes, header: Header) -> int:
    """The number of frames of a GIF, an APNG or a WebP, 0 or 1 for a still picture, 0 for other formats; none decoded.

    Raises CompressionError too_complex for more scans or frames than any honest picture has.
    """
    if header.progressive and _has_too_many_scans(data):
        raise CompressionError("too_complex")
    frames = _count_frames(data, header.format)
    check_frames(frames, header)
    return frames


def check_frames(frames: int, header: Header) -> None:
    """Raise CompressionError too_complex when so many frames are more than any honest picture has."""
    if frames * header.width * header.height > MAX_ANIMATION_PIXELS:
        raise CompressionError("too_complex")


def _count_frames(data: bytes, image_format: str) -> int:
    if image_format == "GIF":
        return _gif_frames(data)
    if image_format == "PNG":
        return _png_frames(data)
    is_animated_webp = image_format == "WEBP" and data[12:16] == b"VP8X" and data[20] & 2
    return data.count(b"ANMF") if is_animated_webp else 0


def _png_frames(data: bytes) -> int:
    """Walks from chunk to chunk, in 0.3 s at most for 5 MB."""
    frames, position = 0, 8
    while kind := data[position + 4 : position + 8]:
        frames += kind == b"fcTL"
        position += 12 + int.from_bytes(data[position : position + 4], "big")
    return frames


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
