"""Pictures full of what nobody else should know, as phones and programs write them; made in memory."""

import io
import struct
import warnings
import zlib

from PIL import ExifTags, Image, ImageCms, PngImagePlugin, TiffImagePlugin

from imgs.header import read_header
from tests.pictures import animation, encoded, quadrants

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
