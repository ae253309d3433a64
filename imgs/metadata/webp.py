"""WebP: the picture or its frames, their transparency, colours and timing; nothing behind the end that RIFF names."""

import struct
from collections.abc import Iterator

from imgs.metadata.structure import MAX_PARTS, Unfollowable, orientation_exif

PICTURE = {b"VP8 ", b"VP8L", b"ALPH"}
KEPT = PICTURE | {b"ICCP", b"ANIM"}
EXIF_FLAG, XMP_FLAG = 0x08, 0x04
FEATURES_BYTES = 10  # of VP8X
FRAME_HEAD_BYTES = 16  # of ANMF: place, duration, blending


def clean_webp(data: bytes) -> bytes:
    """The picture or animation in `data`, simple or extended as that is. One that is cut off is Unfollowable."""
    exif = orientation_exif(data)
    (size,) = struct.unpack_from("<L", data, 4)
    chunks = _chunks(data, 12, size + 8)
    kind, payload = next(chunks, (b"", b""))
    if kind in {b"VP8 ", b"VP8L"}:
        body = _chunk(kind, payload)  # a simple file has no other
    elif kind == b"VP8X" and len(payload) >= FEATURES_BYTES:
        flags = payload[0] & ~(EXIF_FLAG | XMP_FLAG) | (EXIF_FLAG if exif else 0)
        body = _chunk(kind, bytes((flags,)) + payload[1:FEATURES_BYTES]) + b"".join(_cleaned(chunks))
        if exif:
            body += _chunk(b"EXIF", exif)
    else:
        raise Unfollowable
    return _chunk(b"RIFF", b"WEBP" + body)


def _cleaned(chunks: Iterator[tuple[bytes, bytes]]) -> Iterator[bytes]:
    parts_left = MAX_PARTS
    for kind, payload in chunks:
        if kind == b"ANMF":
            parts = list(_chunks(payload, FRAME_HEAD_BYTES, len(payload)))
            parts_left -= len(parts)
            if parts_left < 0:
                raise Unfollowable
            frame = b"".join(_chunk(part, inner) for part, inner in parts if part in PICTURE)
            yield _chunk(kind, payload[:FRAME_HEAD_BYTES] + frame)
        elif kind in KEPT:
            yield _chunk(kind, payload)


def _chunks(data: bytes, position: int, end: int) -> Iterator[tuple[bytes, bytes]]:
    """Kind and payload of each chunk between the two places. The last may lack the byte that makes it even."""
    if end > len(data):
        raise Unfollowable
    for _ in range(MAX_PARTS):
        if end - position < 8:
            return
        kind, length = struct.unpack_from("<4sL", data, position)
        position += 8
        if length > end - position:
            raise Unfollowable
        yield kind, data[position : position + length]
        position += length + length % 2
    raise Unfollowable


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<L", len(payload)) + payload + bytes(len(payload) % 2)
