"""JPEG: the segments that the decoder needs, the scans as they are, and nothing behind the end of the picture."""

import re
import struct

from imgs.metadata.structure import MAX_PARTS, Unfollowable, orientation_exif

START, END, SCAN = 0xD8, 0xD9, 0xDA
JFIF, ICC, ADOBE = 0xE0, 0xE2, 0xEE
FRAMES = {0xC0, 0xC1, 0xC2, 0xC9, 0xCA}
TABLES = {0xC4, 0xCC, 0xDB, 0xDC, 0xDD}  # Huffman, arithmetic, quantization; number of lines; restart interval
METADATA = {*range(0xE0, 0xF0), 0xFE}
WITHOUT_LENGTH = {0x01, *range(0xD0, 0xD8)}

_MARKER = re.compile(rb"\xff([^\x00\xff])")  # junk before it is passed over, as decoders do
_SCAN_END = re.compile(rb"\xff[\xc0-\xcf\xd8-\xfe]")  # no escaped 0xFF and no restart


def clean_jpeg(data: bytes) -> bytes:
    """The first picture in `data`. One that is cut off stays cut off: whether that can be shown, the decoder judges."""
    exif = orientation_exif(data)
    parts = [data[:2]]
    position = kept_end = 2
    for _ in range(MAX_PARTS):
        match = _MARKER.search(data, position)
        if match is None:
            if kept_end < len(data):  # the last scan was ended by something that is gone now
                parts.append(b"\xff\xd9")
            break
        marker, start, position = match[1][0], match.start(), match.end()
        if marker == END:
            parts.append(data[start:position])
            break
        if marker in WITHOUT_LENGTH:
            continue
        length = int.from_bytes(data[position : position + 2], "big")
        if length < 2:
            raise Unfollowable
        position += length
        if marker == SCAN:
            scan_end = _SCAN_END.search(data, position)
            position = scan_end.start() if scan_end else len(data)
        if kept := _kept(marker, data[start:position]):
            parts.append(kept)
            kept_end = position
    else:
        raise Unfollowable
    if exif:
        after_jfif = 2 if parts[1].startswith(b"\xff\xe0") else 1
        parts.insert(after_jfif, struct.pack(">HH", 0xFFE1, len(exif) + 8) + b"Exif\0\0" + exif)
    return b"".join(parts)


def _kept(marker: int, segment: bytes) -> bytes:
    """What stays of a segment. Of JFIF without its thumbnail and of Adobe's, the bytes that a decoder reads."""
    if marker in FRAMES or marker in TABLES or marker == SCAN:
        return segment
    if marker not in METADATA:
        raise Unfollowable
    payload = segment[4:]
    if marker == JFIF and payload.startswith(b"JFIF\0") and len(payload) >= 14:
        return b"\xff\xe0\0\x10" + payload[:12] + b"\0\0"
    if marker == ADOBE and payload.startswith(b"Adobe") and len(payload) >= 12:
        return b"\xff\xee\0\x0e" + payload[:12]
    if marker == ICC and payload.startswith(b"ICC_PROFILE\0"):
        return segment
    return b""
