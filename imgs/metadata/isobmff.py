"""AVIF and HEIF: nothing moves; what is private is overwritten with zeros where it lies.

Kept are the boxes that describe pictures and, of the data, what the pictures and the frames of a sequence take
(`imgs.metadata.items` finds it). The way up (irot, imir) and the colours (colr) are boxes of their own and stay.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from operator import itemgetter
from typing import TypeAlias

from imgs.metadata.boxes import Box, Extent, boxes
from imgs.metadata.items import locate_items, locate_samples
from imgs.metadata.structure import MAX_PARTS, Unfollowable

_Tree: TypeAlias = "Mapping[bytes, _Tree]"


def _leaves(kinds: str) -> _Tree:
    return {kind.encode(): {} for kind in kinds.split()}


PROPERTIES = _leaves(
    "ispe pixi colr irot imir clap pasp auxC rloc av1C a1op a1lx lsel hvcC lhvC oinf tols avcC vvcC evcC j2kH jpgC "
    "uncC cmpd mskC clli mdcv cclv amve reve ndwt"
)
TABLES = _leaves("stsd stts ctts cslg stsc stsz stco co64 stss sdtp sbgp sgpd")
MEDIA: _Tree = {**_leaves("mdhd hdlr"), b"minf": {**_leaves("vmhd nmhd hmhd dinf"), b"stbl": TABLES}}
TREE: _Tree = {
    **_leaves("ftyp mdat"),
    b"meta": {**_leaves("hdlr pitm iinf iloc iref idat dinf grpl"), b"iprp": {**_leaves("ipma"), b"ipco": PROPERTIES}},
    b"moov": {**_leaves("mvhd"), b"trak": {**_leaves("tkhd edts tref"), b"mdia": MEDIA}},
}
FRAGMENTS = {b"moof", b"mvex"}  # their samples are described elsewhere
ONCE = (b"ftyp", b"meta", b"moov", b"pitm", b"iinf", b"iloc", b"iref", b"idat", b"iprp", b"ipco")
HANDLERS = {b"pict", b"auxv"}  # no sound and no film: a still picture has none, or it is a motion photo


def clean_isobmff(data: bytes) -> bytes:
    """The picture or sequence in `data`, nothing moved, without what follows the last box."""
    top = list(_top_boxes(data))
    known: dict[bytes, list[Box]] = {}
    unknown: list[Box] = []
    for number, (box, has_place) in enumerate(_tree(data, top, TREE)):
        if number == MAX_PARTS:
            raise Unfollowable
        (known.setdefault(box.kind, []) if has_place else unknown).append(box)
    _check_kinds(data, known, unknown)
    items = locate_items(data, known)
    stores = sorted((box.body, box.end) for kind in (b"mdat", b"idat") for box in known.get(kind, ()))
    pictures = _joined(_in_stores([*items.pictures, *locate_samples(data, known)], stores))
    for extent in _in_stores(items.others, stores):
        if _meets(extent, pictures):
            raise Unfollowable  # zeros would hit the picture

    cleaned = bytearray(data[: top[-1].end])
    for start, end in [*stores, *items.names, *((box.body, box.end) for box in unknown)]:
        cleaned[start:end] = bytes(end - start)
    for start, end in pictures:
        cleaned[start:end] = data[start:end]
    for kind_at in [*(start for start, _ in items.names), *(box.start + 4 for box in unknown)]:
        cleaned[kind_at : kind_at + 4] = b"free"
    return bytes(cleaned)


def _top_boxes(data: bytes) -> Iterator[Box]:
    """The boxes of the file, as far as there are any: what follows is no part of the picture."""
    with suppress(Unfollowable):
        yield from boxes(data, 0, len(data))


def _tree(data: bytes, siblings: Iterable[Box], tree: _Tree) -> Iterator[tuple[Box, bool]]:
    """Each box and those in it, and whether `tree` has a place for its kind; where it has none, what is in it stays
    unread."""
    for box in siblings:
        yield box, box.kind in tree
        if children := tree.get(box.kind):
            version = 4 if box.kind == b"meta" else 0  # bytes
            yield from _tree(data, boxes(data, box.body + version, box.end), children)


def _check_kinds(data: bytes, known: Mapping[bytes, list[Box]], unknown: list[Box]) -> None:
    handlers = {data[box.body + 8 : box.body + 12] for box in known.get(b"hdlr", ())}
    fragmented = any(box.kind in FRAGMENTS for box in unknown)
    if fragmented or not handlers <= HANDLERS or any(len(known.get(kind, ())) > 1 for kind in ONCE):
        raise Unfollowable
    if not (b"meta" in known or b"moov" in known):
        raise Unfollowable


def _in_stores(extents: Iterable[Extent], stores: list[Extent]) -> Iterator[Extent]:
    """The extents that are not empty; raises Unfollowable when one lies elsewhere than in boxes that hold data."""
    for start, end in extents:
        if start < end:
            at = bisect_right(stores, start, key=itemgetter(0)) - 1
            if at < 0 or end > stores[at][1]:
                raise Unfollowable
            yield start, end


def _joined(extents: Iterable[Extent]) -> list[Extent]:
    """The same bytes in as few extents as it takes, in order: none meets another."""
    joined: list[Extent] = []
    for start, end in sorted(extents):
        if joined and start <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(end, joined[-1][1])
        else:
            joined.append((start, end))
    return joined


def _meets(extent: Extent, joined: list[Extent]) -> bool:
    at = bisect_right(joined, extent[0], key=itemgetter(1))  # the first that ends behind its start
    return at < len(joined) and joined[at][0] < extent[1]
