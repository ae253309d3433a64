"""One browser that uploads: its cookies, its connection, and the moment its last byte was sent."""

import http.client
import json
import time
from dataclasses import dataclass
from http.cookies import SimpleCookie

from bench.pictures import another
from bench.servers import START_SECONDS

BOUNDARY = "----picture"


@dataclass(frozen=True)
class Upload:
    """A picture that was taken in: its id, when its last byte was sent and when the answer had arrived."""

    image: str
    sent: float
    answered: float


class Uploader:
    """Posts to the form of the server on `port`, over one connection."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START_SECONDS)
        self._connection.request("GET", "/")
        page = self._connection.getresponse()
        page.read()
        cookies = SimpleCookie("; ".join(page.headers.get_all("Set-Cookie") or []))
        self._headers = {
            "Cookie": "; ".join(f"{name}={cookie.value}" for name, cookie in cookies.items()),
            "X-CSRFToken": cookies["csrftoken"].value,
            "Content-Type": f"multipart/form-data; boundary={BOUNDARY}",
        }

    def upload(self, picture: bytes) -> Upload:
        """Post one JPEG, each time in other bytes: the same twice would be one card. Raises RuntimeError with the
        answer when it is not taken as a new picture.
        """
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="image"; filename="photo.jpg"\r\n\r\n'
        body = head.encode() + another(picture) + f"\r\n--{BOUNDARY}--\r\n".encode()
        self._connection.request("POST", "/upload/", body, self._headers)
        sent = time.monotonic()
        answer = self._connection.getresponse()
        text = answer.read()
        answered = time.monotonic()
        if answer.status != http.HTTPStatus.ACCEPTED:
            raise RuntimeError(f"{answer.status} {text!r}")
        taken = json.loads(text)
        if taken.get("duplicate"):
            raise RuntimeError("the server has this picture already")
        return Upload(taken["image"]["id"], sent, answered)

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()
