"""Copies of a picture in other bytes: the same bytes twice would be taken for a duplicate."""

import zlib
from itertools import count

_numbers = count(1)


def another(content: bytes) -> bytes:
    """The same picture with a resolution of its own, which stays when the original is cleaned."""
    number = next(_numbers).to_bytes(4, "big")
    if content.startswith(b"\xff\xd8\xff\xe0"):
        return content[:14] + number + content[18:]
    if content.startswith(b"\x89PNG"):
        chunk = b"pHYs" + number + number + b"\0"
        return content[:33] + b"\0\0\0\x09" + chunk + zlib.crc32(chunk).to_bytes(4, "big") + content[33:]
    return content + number
