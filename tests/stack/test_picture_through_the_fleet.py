"""One picture on its way through nginx, a web process, Redis, a worker and back to every viewer."""

import json
import random
from io import BytesIO

import httpx
from PIL import Image

from tests.factories import picture
from tests.stack.fleet import RunningFleet, Visitor, announced, watching


def test_it_is_announced_ready_on_every_web_process_and_through_nginx(fleet: RunningFleet, visitor: Visitor) -> None:
    with (
        watching(fleet.web_address(1), fleet.address) as first,
        watching(fleet.web_address(2), fleet.address) as second,
        watching(fleet.address, fleet.address) as through_nginx,
    ):
        image = visitor.upload_card(picture(color="navy"))["id"]
        cards = [announced(socket, image) for socket in (first, second, through_nginx)]
    assert cards[0] == cards[1] == cards[2]
    assert cards[0]["compressed_data"].startswith("data:image/jpeg;base64,")


def test_it_shows_the_same_snapshot_on_every_web_process(fleet: RunningFleet, visitor: Visitor) -> None:
    visitor.ready_card(visitor.upload_card(picture(color="olive"))["id"])
    snapshots = []
    for number in (1, 2):
        other = Visitor(fleet.web_address(number))
        page = other.http.get("/api/v1/galleries/main/images").json()
        snapshots.append((page["epoch"], page["head"], [(card["id"], card["seq"]) for card in page["images"]]))
        other.http.close()
    assert snapshots[0] == snapshots[1]


def test_it_keeps_a_websocket_answering_through_nginx(fleet: RunningFleet) -> None:
    with watching(fleet.address, fleet.address) as socket:
        socket.send(json.dumps({"type": "no such thing"}))
        assert json.loads(socket.recv(timeout=10))["type"] == "error"


def test_it_leaves_sending_the_original_to_nginx(fleet: RunningFleet, visitor: Visitor) -> None:
    content = large_picture()
    url = visitor.ready_card(visitor.upload_card(content)["id"])["original_url"]
    from_web = httpx.get(fleet.web_address(1) + url, trust_env=False)
    assert from_web.headers["x-accel-redirect"].startswith("/protected/originals/")
    assert from_web.content == b""
    answer = visitor.http.get(url)
    assert answer.content == content
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert "private" in answer.headers["cache-control"]
    assert "x-accel-redirect" not in answer.headers


def test_it_serves_a_range_of_original_and_small_version(visitor: Visitor) -> None:
    card = visitor.ready_card(visitor.upload_card(large_picture())["id"])
    for url in (card["original_url"], card["compressed_url"]):
        whole = visitor.http.get(url).content
        part = visitor.http.get(url, headers={"Range": "bytes=10-29"})
        assert (part.status_code, part.content) == (206, whole[10:30])
        assert part.headers["content-range"] == f"bytes 10-29/{len(whole)}"


def test_it_keeps_facts_and_bytes_apart_in_the_cache(visitor: Visitor) -> None:
    url = visitor.ready_card(visitor.upload_card(picture(color="coral"))["id"])["compressed_url"]
    wanted = ("image/*", "application/json", "image/*, application/json;q=0", "text/html, application/json;q=0.5")
    answers = [visitor.http.get(url, headers={"Accept": accept}) for accept in wanted]
    kinds = [answer.headers["content-type"] for answer in answers]
    assert kinds == ["image/jpeg", "application/json"] * 2


def test_it_answers_for_the_web_processes_while_a_picture_is_new(fleet: RunningFleet, visitor: Visitor) -> None:
    url = visitor.ready_card(visitor.upload_card(picture(color="plum"))["id"])["compressed_url"]
    for _ in range(20):
        assert visitor.http.get(url).status_code == 200
    log = (fleet.folder / "nginx.1.log").read_text()
    asked = [line for line in log.splitlines() if url in line and not line.endswith('"-"')]
    assert 1 <= len(asked) <= 3


def test_it_is_refused_to_whoever_changes_its_url(visitor: Visitor) -> None:
    url = visitor.ready_card(visitor.upload_card(picture(color="peru"))["id"])["compressed_url"]
    forged = url[:-4] + ("a" if url[-4] != "a" else "b") + url[-3:]
    answer = visitor.http.get(forged)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")


def large_picture() -> bytes:
    """A PNG that is too large to be sent along inside an answer."""
    file = BytesIO()
    Image.frombytes("RGB", (240, 240), random.randbytes(240 * 240 * 3)).save(file, "PNG")
    return file.getvalue()
