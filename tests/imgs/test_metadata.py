"""Taking what is private out of a picture file: it is gone from the bytes, and the picture is the same."""

import io
import struct
import subprocess
import sys
import time
import warnings
import zlib
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, ImageCms, PngImagePlugin, TiffImagePlugin

from imgs.header import read_header
from imgs.metadata import clean
from tests.pictures import animation, encoded, endless_gif, plain_png, quadrants

SECRET = b"-4711"  # ends every private text below
LATITUDE = TiffImagePlugin.IFDRational(46657, 1013)
PLACES = [struct.pack(order + "LL", 46657, 1013) for order in "<>"]
XMP = b'<x:xmpmeta xmlns:x="adobe:ns:meta/">XMP-4711</x:xmpmeta>'
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
VIDEO = b"\0\0\0\x18ftypmp42VIDEO-4711" + bytes(200)


def private_exif(orientation: int = 1) -> bytes:
    """EXIF as a phone writes it: place, serial number, maker note, thumbnail."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    exif[ExifTags.Base.Artist] = "ARTIST-4711"
    exif[ExifTags.IFD.GPSInfo] = {ExifTags.GPS.GPSLatitudeRef: "S", ExifTags.GPS.GPSLatitude: (6, 10, LATITUDE)}
    exif[ExifTags.IFD.Exif] = {ExifTags.Base.BodySerialNumber: "SERIAL-4711", ExifTags.Base.MakerNote: b"NOTE-4711"}
    return exif.tobytes() + encoded(Image.new("RGB", (16, 16)), "JPEG", comment="THUMBNAIL-4711")


def segment(marker: int, payload: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(payload) + 2) + payload


def chunk(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">L", len(payload)) + kind + payload + struct.pack(">L", zlib.crc32(kind + payload))


def riff(kind: bytes, payload: bytes) -> bytes:
    return kind + struct.pack("<L", len(payload)) + payload + bytes(len(payload) % 2)


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">L4s", len(body) + 8, kind) + body


def private_jpeg(orientation: int = 6, **options: object) -> bytes:
    options = {"icc_profile": PROFILE, **options}
    data = encoded(quadrants(96, 64), "JPEG", exif=private_exif(orientation), xmp=XMP, comment="NOTE-4711", **options)
    thumbnail = b"JFIF\0\1\2\0\0\1\0\1\1\2X-4711"  # one pixel wide, two high
    more = [
        segment(0xE0, thumbnail),
        segment(0xE0, b"JFXX\0\x10THUMBNAIL-4711"),
        segment(0xE2, b"MPF\0MM\0*DEPTH-4711"),
        segment(0xE2, b"FPXR\0FLASH-4711"),
        segment(0xEB, b"JP\0\1C2PA-4711"),
        segment(0xED, b"Photoshop 3.0\x008BIM\x04\x04IPTC-4711"),
    ]
    return data[:20] + b"".join(more) + b"JUNK-4711" + data[20:] + second_picture() + VIDEO


def second_picture() -> bytes:
    return encoded(quadrants(32, 32), "JPEG", comment="SECOND-4711")


def private_png(orientation: int = 6, start: bytes | None = None) -> bytes:
    """With everything on both sides of the pixels."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Comment", "TEXT-4711")
    text.add_text("Comment", "LONG TEXT" * 9 + "-4711", zip=True)
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    image = quadrants(96, 64)
    data = start or encoded(image, "PNG", pnginfo=text, dpi=(72, 72), icc_profile=PROFILE)
    exif = chunk(b"eXIf", private_exif(orientation).removeprefix(b"Exif\0\0"))
    more = b"".join(chunk(kind, b"CHUNK-4711") for kind in (b"tIME", b"caBX", b"prVt", b"iDOT", b"tEXt"))
    return data[:33] + exif + more + data[33:-12] + more + data[-12:] + VIDEO


def private_gif(start: bytes) -> bytes:
    blocks = b"".join(
        [
            b"!\xff\x0bXMP DataXMP" + XMP + b"\1" + bytes(range(255, -1, -1)) + b"\0",
            b"!\xfe\x0cCOMMENT-4711\0",
            b"!\xff\x0bPRIVATEAPPS\x05-4711\0",
            b"!\xff\x0bICCRGBG1012\x07PROFILE\0",
            b"!\x01\x0c" + bytes(12) + b"\x09TEXT-4711\0",
        ]
    )
    palette = 13 + (3 << (start[10] & 7) + 1 if start[10] & 0x80 else 0)
    return start[:palette] + blocks + start[palette:-1] + blocks + b";" + VIDEO


def private_webp(orientation: int = 6, start: bytes | None = None, **options: object) -> bytes:
    image = quadrants(96, 64)
    exif = private_exif(orientation)
    data = start or encoded(image, "WEBP", exif=exif, xmp=XMP, icc_profile=PROFILE, **options)
    data += riff(b"C2PA", b"C2PA-4711") + riff(b"ODD ", b"X-4711")
    return riff(b"RIFF", data[8:]) + VIDEO


def private_avif(orientation: int = 6, **options: object) -> bytes:
    image = Image.radial_gradient("L").resize((96, 64)).convert("RGB")
    options = {"icc_profile": PROFILE, **options}
    data = encoded(image, "AVIF", exif=private_exif(orientation), xmp=XMP, speed=10, **options)
    more = box(b"uuid", bytes(16) + b"UUID-4711") + box(b"mpvd", VIDEO) + box(b"free", b"FREE-4711")
    return data + more + box(b"skip", b"SKIP-4711") + b"JUNK-4711"


def private_sequence() -> bytes:
    """An AVIF sequence with user data in its moov box, which lies at the end, so that nothing else had to move."""
    frames = [quadrants(96, 64), quadrants(96, 64).rotate(180)]
    data = private_avif(1, save_all=True, append_images=frames, duration=[100, 200, 300])
    start = data.index(b"moov") - 4
    (length,) = struct.unpack_from(">L", data, start)
    moov = box(b"moov", data[start + 8 : start + length] + box(b"udta", box(b"loci", b"PLACE-4711")))
    return (
        data[:start]
        + box(b"free", b"-4711".rjust(length - 8))
        + data[start + length :].removesuffix(b"JUNK-4711")
        + moov
    )


def animated_webp() -> bytes:
    frames = [quadrants(64, 48).rotate(90 * turn) for turn in range(4)]
    return private_webp(
        start=encoded(
            frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=70, loop=3, exif=private_exif(8)
        )
    )


def animated_gif() -> bytes:
    frames = [quadrants(64, 48).rotate(90 * turn) for turn in range(4)]
    return encoded(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=[50, 70, 90, 110], loop=3)


def phone_mpo() -> bytes:
    second = quadrants(96, 64).rotate(180)
    return encoded(quadrants(96, 64), "MPO", save_all=True, append_images=[second], exif=private_exif(3))


PRIVATE = {
    "JPEG": ("JPEG", private_jpeg()),
    "JPEG, progressive": ("JPEG", private_jpeg(progressive=True)),
    "JPEG, restarts": ("JPEG", private_jpeg(restart_marker_rows=1)),
    "JPEG, upright": ("JPEG", private_jpeg(1)),
    "JPEG, MPO": ("JPEG", phone_mpo()),
    "PNG": ("PNG", private_png()),
    "PNG, animated": ("PNG", private_png(3, animation("PNG"))),
    "GIF": ("GIF", private_gif(encoded(quadrants(64, 48), "GIF"))),
    "GIF, animated": ("GIF", private_gif(animated_gif())),
    "WebP": ("WEBP", private_webp()),
    "WebP, lossless": ("WEBP", private_webp(lossless=True)),
    "WebP, simple": ("WEBP", private_webp(start=encoded(quadrants(), "WEBP"))),
    "WebP, transparent": ("WEBP", private_webp(start=encoded(Image.new("RGBA", (32, 32), (9, 8, 7, 90)), "WEBP"))),
    "WebP, animated": ("WEBP", animated_webp()),
    "AVIF": ("AVIF", private_avif()),
    "AVIF, sequence": ("AVIF", private_sequence()),
}
CASES = pytest.mark.parametrize(("image_format", "data"), PRIVATE.values(), ids=PRIVATE)


def shown(data: bytes, image_format: str) -> list[object]:
    """All that a viewer makes of the file; of a JPEG the first picture."""
    with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data), formats=[image_format]) as image:
        frames = 1 if image_format == "JPEG" else getattr(image, "n_frames", 1)
        facts: list[object] = [image.info.get("icc_profile"), image.info.get("loop")]
        if image_format != "JPEG":
            facts.append(frames)
        for number in range(frames):
            if frames > 1:
                image.seek(number)
            image.load()
            transparency, duration = image.info.get("transparency"), image.info.get("duration")
            facts += [image.mode, image.size, image.tobytes(), image.getpalette(), transparency, duration]
    if image_format in {"JPEG", "PNG", "WEBP"}:
        facts.append(read_header(io.BytesIO(data)).orientation)
    return facts


@CASES
def test_it_leaves_nothing_private(image_format: str, data: bytes) -> None:
    assert SECRET in data or PLACES[0] in data or PLACES[1] in data
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert SECRET not in cleaned
    assert not any(place in cleaned for place in PLACES)


@CASES
def test_it_leaves_the_picture_as_it_was(image_format: str, data: bytes) -> None:
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert shown(cleaned, image_format) == shown(data, image_format)


@CASES
def test_it_hands_back_the_very_file_that_has_nothing_private(image_format: str, data: bytes) -> None:
    cleaned = clean(data, image_format)
    assert cleaned is not None
    assert clean(cleaned, image_format) is cleaned


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize(
    ("image_format", "make"), [("JPEG", private_jpeg), ("PNG", private_png), ("WEBP", private_webp)]
)
def test_it_keeps_the_way_up_and_no_other_tag(image_format: str, make, orientation: int) -> None:
    cleaned = clean(make(orientation), image_format)
    exif = Image.open(io.BytesIO(cleaned)).getexif()
    assert dict(exif) == ({ExifTags.Base.Orientation: orientation} if orientation > 1 else {})
    assert not exif.get_ifd(ExifTags.IFD.GPSInfo)


@pytest.mark.parametrize("case", ["AVIF", "AVIF, sequence"])
def test_it_moves_nothing_in_an_avif(case: str) -> None:
    data = PRIVATE[case][1]
    cleaned = clean(data, "AVIF")
    assert len(cleaned) == len(data.removesuffix(b"JUNK-4711"))
    assert {after for before, after in zip(data, cleaned, strict=False) if before != after} <= {0, *b"free"}


def test_it_keeps_the_way_up_of_an_avif() -> None:
    cleaned = clean(private_avif(6), "AVIF")
    assert dict(Image.open(io.BytesIO(cleaned)).getexif()) == {ExifTags.Base.Orientation: 6}


def test_it_keeps_the_colours_of_an_adobe_cmyk_jpeg() -> None:
    image = Image.linear_gradient("L").resize((64, 64)).convert("CMYK")
    data = encoded(image, "JPEG", exif=private_exif(), comment="NOTE-4711")
    cleaned = clean(data, "JPEG")
    assert b"Adobe" in data
    assert SECRET not in cleaned
    assert shown(cleaned, "JPEG") == shown(data, "JPEG")


def test_it_cleans_a_jpeg_that_is_cut_off() -> None:
    data = private_jpeg(progressive=True)
    cut = data[: data.index(b"SECOND") - 300]
    cleaned = clean(cut, "JPEG")
    assert SECRET not in cleaned
    assert cleaned.endswith(cut[-200:])


def test_it_ends_a_jpeg_whose_scan_something_else_had_ended() -> None:
    data = encoded(quadrants(96, 64), "JPEG")
    broken = data[:-200] + b"\xff\xe7\xff\x00" + data[-196:-2] + SECRET
    cleaned = clean(broken, "JPEG")
    assert SECRET not in cleaned
    assert shown(cleaned, "JPEG") == shown(broken, "JPEG")


def avif_with_extents(exif_offset: int) -> bytes:
    """Its only picture has 100 bytes of 'x'; the EXIF item 9 bytes, `exif_offset` behind the start of those."""
    names = [box(b"infe", struct.pack(">LHH4sB", 2 << 24, *item, 0)) for item in ((1, 0, b"av01"), (2, 0, b"Exif"))]
    handler = box(b"hdlr", bytes(8) + b"pict" + bytes(13))

    def head(start: int) -> bytes:
        places = struct.pack(
            ">LHHHHHLLHHHLL", 0, 0x4400, 2, 1, 0, 1, start, 100, 2, 0, 1, max(0, start + exif_offset), 9
        )
        meta = bytes(4) + handler + box(b"iinf", struct.pack(">LH", 0, 2) + b"".join(names)) + box(b"iloc", places)
        return box(b"ftyp", b"avif" + bytes(4)) + box(b"meta", meta)

    return head(len(head(0)) + 8) + box(b"mdat", b"x" * 100 + b"EXIF-4711" + b"LEFTOVER-4711")


def test_it_blanks_whatever_no_picture_in_an_avif_uses() -> None:
    cleaned = clean(avif_with_extents(100), "AVIF")
    assert cleaned.endswith(b"x" * 100 + bytes(22))


@pytest.mark.parametrize("exif_offset", [-5, 50, 99, 120, -50])
def test_it_gives_up_where_private_data_and_picture_are_one(exif_offset: int) -> None:
    assert clean(avif_with_extents(exif_offset), "AVIF") is None


GIVEN_UP = {
    "another type": ("PNG", private_jpeg()),
    "nothing": ("GIF", b""),
    "JPEG, unknown marker": ("JPEG", private_jpeg().replace(b"\xff\xdb", b"\xff\xf4\0\2\xff\xdb", 1)),
    "JPEG, empty segment": ("JPEG", private_jpeg().replace(b"\xff\xdb", b"\xff\xe5\0\1\xff\xdb", 1)),
    "PNG, unknown critical chunk": (
        "PNG",
        plain_png(9, 9).replace(b"\0\0\0\0IEND", chunk(b"ABCD", b"") + bytes(4) + b"IEND"),
    ),
    "PNG, pixels apart": (
        "PNG",
        plain_png(9, 9)[:-12] + chunk(b"tEXt", b"-4711") + chunk(b"IDAT", b"") + plain_png(9, 9)[-12:],
    ),
    "GIF, junk": ("GIF", encoded(quadrants(), "GIF")[:-1] + b"JUNK-4711;"),
    "GIF, extension without a name": ("GIF", encoded(quadrants(), "GIF")[:-1] + b"!\xff\0;"),
    "WebP, cut off": ("WEBP", private_webp()[:-300]),
    "AVIF, cut off": ("AVIF", private_avif()[:600]),
    "AVIF, with sound": ("AVIF", private_sequence().replace(b"pict", b"soun")),
    "AVIF, in fragments": ("AVIF", private_avif()[: -len(b"JUNK-4711")] + box(b"moof", b"")),
    "AVIF, two heads": ("AVIF", private_avif()[: -len(b"JUNK-4711")] + box(b"meta", bytes(4))),
}


@pytest.mark.parametrize(("image_format", "data"), GIVEN_UP.values(), ids=GIVEN_UP)
def test_it_gives_up_what_it_cannot_follow(image_format: str, data: bytes) -> None:
    assert clean(data, image_format) is None


MEGABYTES = 5_000_000
JPEG, GIF = (encoded(quadrants(64, 48), image_format) for image_format in ("JPEG", "GIF"))
ENDLESS = {
    "JPEG segments": ("JPEG", JPEG[:-2] + b"\xff\xe0\0\2" * (MEGABYTES // 4)),
    "JPEG scans": ("JPEG", JPEG[:-2] + b"\xff\xda\0\2" * (MEGABYTES // 4)),
    "JPEG fill bytes": ("JPEG", JPEG[:-2] + b"\xff\xe1\0\2" + b"\xff" * MEGABYTES),
    "JPEG escaped bytes": ("JPEG", JPEG[:-2] + b"\xff\0" * (MEGABYTES // 2)),
    "PNG chunks": ("PNG", plain_png(8, 8)[:-12] + (bytes(4) + b"tEXt" + bytes(4)) * (MEGABYTES // 12)),
    "GIF comment": ("GIF", GIF[:-1] + b"!\xfe" + b"\1x" * (MEGABYTES // 2)),
    "GIF frame": ("GIF", endless_gif()),
    "GIF frames": ("GIF", GIF[:-1] + (b"," + bytes(9) + b"\2\0") * (MEGABYTES // 12)),
    "GIF junk": ("GIF", GIF[:-1] + bytes(MEGABYTES)),
    "WebP chunks": ("WEBP", riff(b"RIFF", b"WEBP" + riff(b"VP8X", bytes(10)) + b"ABCD\0\0\0\0" * (MEGABYTES // 8))),
    "WebP frames": (
        "WEBP",
        riff(b"RIFF", b"WEBP" + riff(b"VP8X", bytes(10)) + riff(b"ANMF", bytes(16) + b"ALPH\0\0\0\0" * 90_000) * 7),
    ),
    "AVIF boxes": ("AVIF", b"\0\0\0\x08mdat" * (MEGABYTES // 8)),
    "AVIF boxes in boxes": (
        "AVIF",
        b"".join(struct.pack(">L4s", length, b"moov") for length in range(MEGABYTES - MEGABYTES % 8, 0, -8)),
    ),
    "AVIF tracks": ("AVIF", box(b"moov", box(b"trak", b"\0\0\0\x08tkhd" * 90_000) * 6)),
}


@pytest.mark.parametrize(("image_format", "data"), ENDLESS.values(), ids=ENDLESS)
def test_it_is_quick_with_a_file_made_to_take_long(image_format: str, data: bytes) -> None:
    started = time.process_time()
    clean(data, image_format)
    assert time.process_time() - started < 2  # measured: 0.6 at most


def test_it_is_quick_with_extents_that_all_lie_on_each_other() -> None:
    names = box(b"infe", struct.pack(">LHH4sB", 2 << 24, 1, 0, b"av01", 0))
    extents = struct.pack(">HHH", 1, 0, 49_000) + struct.pack(">LL", 900, 4_000_000) * 49_000
    lists = box(b"iinf", struct.pack(">LH", 0, 1) + names) + box(b"iloc", struct.pack(">LHH", 0, 0x4400, 1) + extents)
    data = box(b"mdat", bytes(4_400_000)) + box(b"meta", bytes(4) + lists)
    started = time.process_time()
    assert clean(data, "AVIF") is data
    assert time.process_time() - started < 2


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """One of the pictures above, cut off, with bytes changed, or with a piece taken out or doubled."""
    image_format, whole = draw(st.sampled_from(list(PRIVATE.values())))
    data = bytearray(whole)
    places = st.integers(0, len(data) - 1) | st.integers(0, min(len(data) - 1, 2000))
    for place, value in draw(st.lists(st.tuples(places, st.integers(0, 255)), max_size=4)):
        data[place] = value
    match draw(st.sampled_from(["as it is", "cut off", "doubled", "taken out"])):
        case "cut off":
            del data[draw(places) :]
        case "doubled":
            start = draw(places)
            data[start:start] = data[start : start + draw(st.integers(1, 300))]
        case "taken out":
            start = draw(places)
            del data[start : start + draw(st.integers(1, 300))]
    return image_format, bytes(data)


@given(damaged())
@settings(max_examples=600, deadline=None, derandomize=True)
def test_it_neither_fails_on_a_damaged_file_nor_changes_what_it_shows(case: tuple[str, bytes]) -> None:
    image_format, data = case
    cleaned = clean(data, image_format)
    if cleaned is None:
        return
    assert clean(cleaned, image_format) is cleaned
    before = None
    with suppress(Exception):  # a decoder raises whatever it likes
        before = shown(data, image_format)
    assert before is None or shown(cleaned, image_format) == before


@given(image_format=st.sampled_from(["JPEG", "PNG", "GIF", "WEBP", "AVIF", "HEIF"]), data=st.binary(max_size=300))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_it_raises_nothing_on_any_bytes(image_format: str, data: bytes) -> None:
    start = {"JPEG": JPEG[:300], "PNG": plain_png(9, 9)[:33], "GIF": GIF[:100], "WEBP": b"RIFF\x60\0\0\0WEBP"}
    clean(start.get(image_format, b"") + data, image_format)


def test_it_needs_neither_django_nor_pillow() -> None:
    code = "import sys, imgs.metadata; print({'django', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "set()"
