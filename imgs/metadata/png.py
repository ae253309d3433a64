"""PNG: the chunks that say how pixels look and when they show; no text, no time, nothing behind IEND."""

import struct
import zlib

from imgs.metadata.structure import MAX_PARTS, Unfollowable, orientation_exif

SIGNATURE_BYTES = 8
CRITICAL = {b"IHDR", b"PLTE", b"IDAT"}
KEPT = CRITICAL | {
    *(b"tRNS", b"bKGD", b"hIST", b"sBIT", b"pHYs"),
    *(b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"cICP", b"mDCV", b"cLLI"),
    *(b"acTL", b"fcTL", b"fdAT"),
}


def clean_png(data: bytes) -> bytes:
    """The picture or animation in `data`; cut off where that is cut off."""
    exif = orientation_exif(data)
    parts = [data[:SIGNATURE_BYTES]]
    position, before, has_pixels = SIGNATURE_BYTES, b"", False
    while len(data) - position >= 8:
        length, kind = struct.unpack_from(">L4s", data, position)
        if kind == b"IEND":
            parts.append(_chunk(b"IEND", b""))
            break
        if _is_critical(kind) and kind not in CRITICAL:
            raise Unfollowable
        if kind == b"IDAT" and not has_pixels:
            has_pixels = True
            if exif:
                parts.append(_chunk(b"eXIf", exif))
        elif kind == b"IDAT" and before != b"IDAT":
            raise Unfollowable  # without what lies between them, a decoder would read on where it stops now
        end = position + 12 + length
        if kind in KEPT:
            parts.append(data[position:end])
        if len(parts) > MAX_PARTS:
            raise Unfollowable
        position, before = end, kind
    return b"".join(parts)


def _is_critical(kind: bytes) -> bool:
    return not kind[0] & 0x20


def _chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">L", len(payload)) + kind + payload + struct.pack(">L", zlib.crc32(kind + payload))
