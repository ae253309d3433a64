"""Bad input gets its code, a sentence in the person's language and one log line; nothing is kept."""

import io
import logging
import struct
from typing import Any

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image

from imgs.models import UploadedImage
from tests.factories import picture

pytestmark = pytest.mark.usefixtures("gallery")

HUGE_GIF = (
    b"GIF89a"
    + struct.pack("<HH", 65535, 65535)
    + bytes(3)
    + b","
    + bytes(4)
    + struct.pack("<HHB", 9, 9, 0)
    + b"\x02\x00;"
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'
PSD = b"8BPS\x00\x01" + bytes(6) + b"\x00\x03" + bytes(20)


def many_pixels() -> bytes:
    buffer = io.BytesIO()
    Image.new("1", (8000, 7000)).save(buffer, "PNG")
    return buffer.getvalue()


BAD = {
    "an empty file": (b"", "a.jpg", 400, "missing_file"),
    "text named .jpg": (b"Halo dunia, ini bukan gambar", "a.jpg", 415, "unsupported_type"),
    "an SVG": (SVG, "a.svg", 415, "unsupported_type"),
    "an SVG named .png": (SVG, "a.png", 415, "unsupported_type"),
    "a PSD": (PSD, "a.psd", 415, "unsupported_type"),
    "a PSD named .jpg": (PSD, "a.jpg", 415, "unsupported_type"),
    "a JPEG named .exe": (picture(), "a.exe", 415, "unsupported_type"),
    "a JPEG of 20 bytes": (picture()[:20], "a.jpg", 422, "unreadable_image"),
    "a PNG without its header": (picture(format="PNG")[:10], "a.png", 422, "unreadable_image"),
    "a GIF of 4.4 gigapixels": (HUGE_GIF, "bomb.gif", 422, "too_many_pixels"),
    "a PNG of 56 megapixels": (many_pixels(), "a.png", 422, "too_many_pixels"),
    "5 MB + 1 byte": (picture() + bytes(settings.UPLOAD_MAX_BYTES + 1 - len(picture())), "a.jpg", 413, "too_large"),
}


@pytest.mark.parametrize("case", BAD)
def test_it_refuses(case: str, client: Client, caplog: pytest.LogCaptureFixture) -> None:
    content, name, status, code = BAD[case]
    with caplog.at_level(logging.INFO):
        response = client.post("/upload/", {"image": SimpleUploadedFile(name, content)})
    assert (response.status_code, response["Content-Type"]) == (status, "application/problem+json")
    assert response.json()["code"] == code
    assert response.json()["detail"]
    assert len(caplog.records) == 1
    assert caplog.records[0].exc_info is None
    assert UploadedImage.objects.count() == 0


def test_it_refuses_a_form_without_a_file(client: Client) -> None:
    response = client.post("/upload/", {"note": "nothing here"})
    assert (response.status_code, response.json()["code"]) == (400, "missing_file")


def test_it_refuses_a_body_that_is_no_form(client: Client) -> None:
    response = client.post("/upload/", b"\x00\x01\x02", content_type="multipart/form-data; boundary=x")
    assert (response.status_code, response.json()["code"]) == (400, "missing_file")


def test_it_refuses_a_form_without_a_boundary(client: Client) -> None:
    response = client.post("/upload/", b"abc", content_type="multipart/form-data")
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


def test_it_refuses_a_key_that_is_no_uuid(client: Client) -> None:
    response = client.post("/upload/", {"image": SimpleUploadedFile("a.jpg", picture()), "key": "1"})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")


@pytest.mark.parametrize("address", ["/upload/", "/api/v1/galleries/main/images"])
@pytest.mark.parametrize("second", [picture(), b""])
def test_it_refuses_two_pictures_at_once_rather_than_lose_one(client: Client, address: str, second: bytes) -> None:
    files = [SimpleUploadedFile("a.jpg", picture()), SimpleUploadedFile("b.jpg", second)]
    response = client.post(address, {"image": files})
    assert (response.status_code, response.json()["code"]) == (400, "bad_request")
    assert response.json()["detail"] == "Send one picture per request."
    assert UploadedImage.objects.count() == 0


@pytest.mark.parametrize("token", [None, "x" * 64])
def test_it_refuses_a_missing_or_wrong_csrf_token(token: str | None) -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/")
    headers = {"X-CSRFToken": token} if token else {}
    response = client.post("/upload/", {"image": SimpleUploadedFile("a.jpg", picture())}, headers=headers)
    assert (response.status_code, response.json()["code"]) == (403, "csrf_failed")


def test_it_accepts_the_csrf_token_of_the_page() -> None:
    client = Client(enforce_csrf_checks=True)
    client.get("/")
    headers = {"X-CSRFToken": client.cookies["csrftoken"].value}
    response = client.post("/upload/", {"image": SimpleUploadedFile("a.jpg", picture())}, headers=headers)
    assert response.status_code == 202


@pytest.mark.parametrize(("language", "word"), [("id", "gambar"), ("en", "picture")])
def test_it_explains_in_the_language_of_the_person(client: Client, language: str, word: str) -> None:
    response = client.post(
        "/upload/", {"image": SimpleUploadedFile("a.jpg", b"text")}, headers={"Accept-Language": language}
    )
    assert word in response.json()["detail"].lower()


def form(name: bytes) -> dict[str, Any]:
    """A multipart body whose file name is sent exactly as given."""
    body = b'--x\r\nContent-Disposition: form-data; name="image"; filename="%b"\r\n\r\n%b\r\n--x--\r\n' % (
        name,
        picture(),
    )
    return {"data": body, "content_type": "multipart/form-data; boundary=x"}


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"../../etc/passwd.jpg", "passwd.jpg"),
        (b"..\\..\\windows\\system.jpg", "system.jpg"),
        (b"a\x00b.jpg", "ab.jpg"),
        (b"a\nb.jpg", "ab.jpg"),
        (b"a\rb.jpg", "ab.jpg"),
        (b"a\n\rWARNING forged.jpg", "aWARNING forged.jpg"),
        (b"a\r\nb.jpg", '"a'),  # the line of the header ends there
        (b"a%0D%0Ab.jpg", "a%0D%0Ab.jpg"),
        ("jpg.\u202egpj.exe.jpg".encode(), "jpg.gpj.exe.jpg"),
        ("\u200fتصویر.jpg".encode(), "تصویر.jpg"),
        ("写真".encode() * 100 + b".jpg", "写真" * 100 + ".jpg"),
    ],
)
def test_it_keeps_of_a_hostile_name_only_what_is_text(client: Client, sent: bytes, kept: str) -> None:
    response = client.post("/upload/", **form(sent))
    assert response.status_code == 202
    assert response.json()["image"]["original_name"] == kept


@pytest.mark.parametrize("address", ["/upload/", "/api/v1/galleries/main/images"])
@pytest.mark.parametrize("extension", ["j" * 4000, "j" * 240, "写真" * 50], ids=["endless", "long", "in Japanese"])
def test_it_refuses_a_name_with_a_long_extension(client: Client, address: str, extension: str) -> None:
    response = client.post(address, **form(f"a.{extension}".encode()))
    assert (response.status_code, response.json()["code"]) == (415, "unsupported_type")
    assert UploadedImage.objects.count() == 0


@pytest.mark.parametrize("letter", ["a", "é", "図"])
def test_it_shortens_a_name_of_4000_letters(client: Client, letter: str) -> None:
    response = client.post("/upload/", **form((letter * 4000 + ".jpg").encode()))
    assert response.status_code == 202
    name = response.json()["image"]["original_name"]
    assert len(name) == 255
    assert name.endswith(".jpg")


def test_it_does_not_let_a_newline_in_a_name_make_a_log_line() -> None:
    from project.logs import LineFormatter

    record = logging.makeLogRecord({"msg": "refused", "original_name": "a\nWARNING forged\u202e"})
    assert len(LineFormatter().format(record).splitlines()) == 1
