"""ICC profiles for tests, made by hand, so that it is known which colour they mean."""

import struct

from PIL import ImageCms

# Red, green and blue as XYZ under D50, as profiles name them
DISPLAY_P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
SRGB_FROM_XYZ = ((3.13386, -1.61687, -0.49062), (-0.97877, 1.91614, 0.03345), (0.07195, -0.22899, 1.40524))


def profile_with_red_and_green_exchanged() -> bytes:
    """An ICC profile in which the file's red channel means green."""
    data = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    renamed = data.replace("sRGB".encode("utf-16-be"), "test".encode("utf-16-be"))
    return renamed.replace(b"rXYZ", b"????").replace(b"gXYZ", b"rXYZ").replace(b"????", b"gXYZ")


def matrix_profile(primaries: tuple[tuple[float, float, float], ...], gamma: float = 2.2) -> bytes:
    """An ICC profile for RGB with these primaries."""
    colours = {
        name: b"XYZ " + bytes(4) + _fixed(*xyz)
        for name, xyz in zip((b"rXYZ", b"gXYZ", b"bXYZ"), primaries, strict=True)
    }
    curves = dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _gamma_curve(gamma))
    return _profile(b"RGB ", b"XYZ ", colours | curves | {b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)})


def in_srgb(colour: tuple[int, ...], primaries: tuple[tuple[float, float, float], ...]) -> tuple[int, ...]:
    """What a colour of a `matrix_profile` is in sRGB."""
    linear = [(level / 255) ** 2.2 for level in colour]
    xyz = [sum(linear[i] * primaries[i][axis] for i in range(3)) for axis in range(3)]
    rgb = [min(1, max(0, sum(row[i] * xyz[i] for i in range(3)))) for row in SRGB_FROM_XYZ]
    return tuple(round(255 * (12.92 * v if v <= 0.0031308 else 1.055 * v ** (1 / 2.4) - 0.055)) for v in rgb)


def grey_profile(gamma: float) -> bytes:
    """An ICC profile for grey pictures."""
    return _profile(
        b"GRAY", b"XYZ ", {b"kTRC": _gamma_curve(gamma), b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)}
    )


def ink_profile() -> bytes:
    """An ICC profile of a strange press: cyan ink prints green, all other inks print black."""
    white, green, black = (0xFF00, 0x8000, 0x8000), (0x8000, 0x4000, 0xC000), (0, 0x8000, 0x8000)
    inks = [(c, others) for c in (0, 1) for others in range(8)]  # the last ink changes fastest
    table = [white if not c and not others else green if not others else black for c, others in inks]
    identity = struct.pack(">9l", 65536, 0, 0, 0, 65536, 0, 0, 0, 65536)
    data = b"mft2" + bytes(4) + bytes((4, 3, 2, 0)) + identity + struct.pack(">HH", 2, 2)
    data += (
        struct.pack(">8H", *(0, 65535) * 4) + struct.pack(">48H", *sum(table, ())) + struct.pack(">6H", *(0, 65535) * 3)
    )
    return _profile(b"CMYK", b"Lab ", {b"A2B0": data, b"wtpt": b"XYZ " + bytes(4) + _fixed(0.9642, 1, 0.8249)})


def _profile(space: bytes, connection: bytes, tags: dict[bytes, bytes]) -> bytes:
    head = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()[:128])
    head[8:12] = b"\2\x40\0\0"
    head[16:24] = space + connection
    tags = {b"desc": b"desc" + bytes(4) + struct.pack(">L", 5) + b"test\0" + bytes(79)} | tags
    places, body = b"", b""
    for name, content in tags.items():
        places += struct.pack(">4sLL", name, 132 + 12 * len(tags) + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    whole = bytes(head[4:]) + struct.pack(">L", len(tags)) + places + body
    return struct.pack(">L", len(whole) + 4) + whole


def _fixed(*numbers: float) -> bytes:
    return struct.pack(f">{len(numbers)}l", *(round(number * 65536) for number in numbers))


def _gamma_curve(gamma: float) -> bytes:
    return b"curv" + bytes(4) + struct.pack(">LH", 1, round(gamma * 256))
