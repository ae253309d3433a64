"""GIF: screen, colours, timing, loops and frames; no comments, no XMP, nothing behind the trailer."""

import re

from imgs.metadata.structure import MAX_PARTS, Unfollowable

HEADER_BYTES = 13  # signature and screen
IMAGE_BYTES = 10
IMAGE, TRAILER = 0x2C, 0x3B
GRAPHIC_CONTROL, APPLICATION = b"!\xf9", b"!\xff\x0b"
APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}  # loops and the colour profile

_BLOCK = re.compile(rb"[!,;]")  # junk before it is passed over, as decoders do


def clean_gif(data: bytes) -> bytes:
    """The picture or animation in `data`; cut off where that is cut off. A GIF has no way up but its own."""
    if len(data) < HEADER_BYTES:
        raise Unfollowable
    position = HEADER_BYTES + _colour_table_bytes(data[10])
    parts = [data[:position]]
    for _ in range(MAX_PARTS):
        match = _BLOCK.search(data, position)
        if match is None:
            return b"".join(parts)
        start = match.start()
        if data[start] == TRAILER:
            return b"".join(parts) + b";"
        if data[start] == IMAGE:
            flags = data[start + 9] if start + 9 < len(data) else 0
            position = _after_sub_blocks(data, start + IMAGE_BYTES + _colour_table_bytes(flags) + 1)
            parts.append(data[start:position])
        else:
            position = _after_sub_blocks(data, start + 2)
            if _is_kept(data[start : start + 14]):
                parts.append(data[start:position])
    raise Unfollowable


def _is_kept(extension: bytes) -> bool:
    """Whether the extension that begins like this has a say in how the picture looks."""
    if extension.startswith(APPLICATION):
        return extension[3:] in APPLICATIONS
    return extension.startswith(GRAPHIC_CONTROL)


def _after_sub_blocks(data: bytes, position: int) -> int:
    """Where the run of sub-blocks that begins at `position` is over, at the latest at the end of `data`."""
    try:
        while length := data[position]:
            position += length + 1
    except IndexError:
        return len(data)
    return position + 1


def _colour_table_bytes(flags: int) -> int:
    return 3 << (flags & 7) + 1 if flags & 0x80 else 0
