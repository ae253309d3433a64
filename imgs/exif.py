"""The one thing in an EXIF block that matters to a viewer: which way up the picture is."""

import struct
from contextlib import suppress

ORIENTATION_TAG = 0x0112
MAX_ENTRIES = 200
SHORT = 3  # the type of a 16-bit number, the one that is right for an orientation
WHOLE_NUMBERS = {1: "B", SHORT: "H", 4: "L", 6: "b", 8: "h", 9: "l"}  # those that are found, as struct takes them


def orientation(block: bytes) -> int:
    """The orientation named in an EXIF block, else 1. Entries are looked at, what they point to is not.

    Of several that make sense the last one counts, as it does in browsers.
    """
    tiff = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    found = 1
    with suppress(struct.error):
        (directory,) = struct.unpack_from(order + "L", tiff, 4)
        (entries,) = struct.unpack_from(order + "H", tiff, directory)
        for number in range(min(entries, MAX_ENTRIES)):
            entry = directory + 2 + 12 * number
            tag, kind = struct.unpack_from(order + "HH", tiff, entry)
            if tag == ORIENTATION_TAG:
                (value,) = struct.unpack_from(order + WHOLE_NUMBERS.get(kind, "H"), tiff, entry + 8)
                found = value if kind in WHOLE_NUMBERS and 1 <= value <= 8 else found
    return found
