"""What the cleaners of all formats share: the limit on parts, and the one EXIF tag that stays."""

import io
import struct

from imgs.exif import ORIENTATION_TAG, SHORT
from imgs.header import read_header

MAX_PARTS = 100_000  # an animation of 5 MB has a few thousand; millions of empty ones would cost seconds


class Unfollowable(Exception):
    """The parts of the file don't lie as its format says."""


def orientation_exif(data: bytes) -> bytes:
    """An EXIF block (TIFF) that says no more than which way up the picture in `data` is; empty when it is upright.

    Raises UnreadableImage or UnsupportedType when the head of the file makes no sense.
    """
    orientation = read_header(io.BytesIO(data)).orientation
    if orientation == 1:
        return b""
    return b"MM\0*" + struct.pack(">LHHHLHHL", 8, 1, ORIENTATION_TAG, SHORT, 1, orientation, 0, 0)
