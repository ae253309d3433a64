"""What nginx passes on, what it keeps to itself, and what it says when something is too much."""

import socket
from collections.abc import Iterator

import httpx
import pytest

from tests.stack.fleet import RunningFleet, Visitor

MB = 1 << 20


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_it_keeps_what_is_for_operators_to_itself(fleet: RunningFleet, visitor: Visitor, path: str) -> None:
    assert visitor.http.get(path).status_code == 404
    assert httpx.get(fleet.web_address(1) + path, trust_env=False).status_code == 200


def test_it_does_not_hand_out_stored_files_by_name(visitor: Visitor) -> None:
    assert visitor.http.get("/protected/originals/").status_code == 404


def test_it_lets_the_program_refuse_a_file_one_byte_too_large(visitor: Visitor) -> None:
    answer = visitor.upload(b"\xff\xd8\xff" + bytes(5 * MB - 2))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["code"] == "too_large"
    assert "5 MB" in answer.json()["detail"]


@pytest.mark.parametrize("megabytes", [20, 200])
def test_it_refuses_a_huge_body_as_a_problem(visitor: Visitor, megabytes: int) -> None:
    def body() -> Iterator[bytes]:
        for _ in range(megabytes):
            yield bytes(MB)

    headers = {"Content-Length": str(megabytes * MB), "Content-Type": "multipart/form-data; boundary=x"}
    answer = visitor.http.post("/upload/", content=body(), headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert answer.json()["code"] == "too_large"


def test_it_refuses_a_huge_body_of_unknown_length_as_a_problem(visitor: Visitor) -> None:
    answer = visitor.http.post("/upload/", content=(bytes(MB) for _ in range(20)))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")


def test_it_serves_static_files_for_ever_and_compressed(visitor: Visitor) -> None:
    page = visitor.http.get("/").text
    script = page.split('<script src="')[1].split('"')[0]
    answers = [visitor.http.get(script, headers={"Accept-Encoding": encoding}) for encoding in ("gzip", "identity")]
    assert [answer.headers.get("content-encoding") for answer in answers] == ["gzip", None]
    assert answers[0].text == answers[1].text
    assert all("immutable" in answer.headers["cache-control"] for answer in answers)


def test_it_tells_the_program_the_visitors_host(fleet: RunningFleet, visitor: Visitor) -> None:
    config = visitor.http.get("/").text
    assert fleet.address in config


def test_it_refuses_a_host_that_is_not_ours(visitor: Visitor) -> None:
    assert visitor.http.get("/", headers={"Host": "elsewhere.example"}).status_code == 400


def test_it_does_not_say_which_version_it_is(visitor: Visitor) -> None:
    assert visitor.http.get("/").headers["server"] == "nginx"


def test_it_refuses_a_huge_body_while_it_is_still_arriving(fleet: RunningFleet) -> None:
    head = f"POST /upload/ HTTP/1.1\r\nHost: 127.0.0.1:{fleet.port}\r\nContent-Length: {20 * MB}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", fleet.port), timeout=10) as connection:
        connection.sendall(head.encode() + bytes(MB))
        assert connection.recv(100).startswith(b"HTTP/1.1 413 ")
