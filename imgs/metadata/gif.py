"""GIF: screen, colours, timing, loops and frames; no comments, no XMP, nothing behind the trailer."""

import re

from imgs.metadata.structure import MAX_PARTS, Unfollowable

HEADER_BYTES = 13  # signature and screen
IMAGE_BYTES = 10
IMAGE, COMMENT = 0x2C, 0xFE
GRAPHIC_CONTROL, APPLICATION = b"!\xf9", b"!\xff\x0b"
APPLICATIONS = {b"NETSCAPE2.0", b"ANIMEXTS1.0", b"ICCRGBG1012"}  # loops and the colour profile

_BLOCK = re.compile(rb"\0*([!,;]|\Z)")  # some encoders end the data of a frame twice


def clean_gif(data: bytes) -> bytes:
    """The picture or animation in `data`; cut off where that is cut off. A GIF has no way up but its own."""
    if len(data) < HEADER_BYTES:
        raise Unfollowable
    position = HEADER_BYTES + _colour_table_bytes(data[10])
    parts = [data[:position]]
    for _ in range(MAX_PARTS):
        match = _BLOCK.match(data, position)
        if match is None:
            break
        start = match.start(1)
        if match[1] in {b"", b";"}:
            return b"".join(parts) + match[1]
        if data[start] == IMAGE:
            flags = data[start + 9] if start + 9 < len(data) else 0
            position = _after_sub_blocks(data, start + IMAGE_BYTES + _colour_table_bytes(flags) + 1)
            parts.append(data[start:position])
        elif data[start + 2] or data[start + 1] == COMMENT:
            position = _after_sub_blocks(data, start + 2)
            if _is_kept(data[start : start + 14]):
                parts.append(data[start:position])
        else:
            raise Unfollowable  # some decoders read an empty extension as the end of a longer one
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
