"""Parts end without a word; what people do goes on."""

import os
import signal

import httpx

from tests.factories import picture
from tests.stack.fleet import RunningFleet, Visitor, announced, until, watching


def test_it_makes_pictures_ready_though_a_worker_was_killed(fleet: RunningFleet, visitor: Visitor) -> None:
    killed = fleet.kill("worker.1")
    for number in range(4):
        visitor.ready_card(visitor.upload_card(picture(300 + number))["id"])
    fleet.wait_for_restart("worker.1", killed)


def test_it_makes_pictures_ready_though_a_worker_is_suspended(fleet: RunningFleet, visitor: Visitor) -> None:
    # While it is at work on one of before, it may hold the lock on the gallery, and uploads get 503
    until(lambda: all(card["srcset"] or card["status"] == "failed" for card in visitor.cards()))
    pid = fleet.pid("worker.2")
    os.kill(pid, signal.SIGSTOP)
    try:
        for number in range(4):
            visitor.ready_card(visitor.upload_card(picture(310 + number))["id"])
    finally:
        os.kill(pid, signal.SIGCONT)


def test_it_goes_on_serving_though_a_web_process_was_killed(fleet: RunningFleet, visitor: Visitor) -> None:
    killed = fleet.kill("web.1")
    assert [visitor.http.get("/").status_code for _ in range(6)] == [200] * 6
    fleet.wait_for_restart("web.1", killed)
    until(lambda: _answers(fleet.web_address(1)))
    with watching(fleet.web_address(1), fleet.address) as socket:
        image = visitor.upload_card(picture(color="gold"))["id"]
        assert announced(socket, image)["status"] == "ready"


def test_it_comes_back_when_nginx_was_killed(fleet: RunningFleet) -> None:
    killed = fleet.kill("nginx.1")
    fleet.wait_for_restart("nginx.1", killed)
    until(lambda: _answers(fleet.address, "/"))
    assert any("nginx.1 ended with SIGKILL; starting it again" in line for line in fleet.lines)


def test_it_keeps_a_part_away_for_as_long_as_it_is_held(fleet: RunningFleet, visitor: Visitor) -> None:
    held = fleet.folder / "redis.1.hold"
    held.touch()
    killed = fleet.kill("redis.1")
    image = visitor.upload_card(picture(330))["id"]
    visitor.ready_card(image)  # by the workers' ticker
    assert not (fleet.folder / "redis.1.pid").exists()
    held.unlink()
    fleet.wait_for_restart("redis.1", killed)


def test_it_says_so_in_the_persons_language_when_no_web_process_answers(fleet: RunningFleet, visitor: Visitor) -> None:
    pids = [fleet.kill(f"web.{number}") for number in (1, 2)]
    page = visitor.http.get("/", headers={"Accept-Language": "id-ID,id;q=0.9"})
    upload = visitor.http.post("/upload/", headers={"Accept-Language": "en"})
    assert (page.status_code, page.headers["content-type"]) == (503, "text/html; charset=utf-8")
    assert "Galeri sedang tidak dapat dihubungi" in page.text
    assert (upload.status_code, upload.headers["content-type"]) == (503, "application/problem+json")
    assert upload.json()["code"] == "unavailable"
    assert upload.headers["retry-after"] == "2"
    for number, pid in enumerate(pids, start=1):
        fleet.wait_for_restart(f"web.{number}", pid)
    until(lambda: _answers(fleet.web_address(1)) and _answers(fleet.web_address(2)))


def _answers(address: str, path: str = "/readyz") -> bool:
    somebody = Visitor(address)
    try:
        return somebody.http.get(path).status_code == 200
    except httpx.TransportError:
        return False
    finally:
        somebody.http.close()
