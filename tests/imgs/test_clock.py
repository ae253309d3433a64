"""Machines whose clocks are wrong: stamps follow the database's clock."""

import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from django.db import connection

from imgs import changes, signing
from imgs.clock import clock
from imgs.models import Gallery

HOURS = 2 * 3600.0
REAL = time.time

Turn = Callable[[float], None]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Puts the clock of this process, but not that of the database, ahead by so many seconds."""
    return lambda seconds: monkeypatch.setattr(time, "time", lambda: REAL() + seconds)


def signed() -> str:
    return signing.image_url(uuid4(), "original", 1).removeprefix("/image/").removesuffix("/")


def by_a_right_clock(signed_data: str) -> signing.Capability:
    """What a process whose clock is right makes of it."""
    clock.offset = REAL() - time.time()
    return signing.read(signed_data)


@pytest.mark.parametrize("wrong", [HOURS, -HOURS])
def test_it_signs_by_the_databases_clock_from_the_first_connection_on(
    gallery: Gallery, turn: Turn, wrong: float
) -> None:
    turn(wrong)
    wrongly_signed = signed()
    with pytest.raises((signing.Forged, signing.Expired)):
        by_a_right_clock(wrongly_signed)
    clock.offset = 0
    connection.close()
    gallery.refresh_from_db()
    assert by_a_right_clock(signed()).expires_at == signing.urls_expire_at().timestamp()


@pytest.mark.parametrize("wrong", [HOURS, -HOURS])
def test_it_accepts_what_others_signed(gallery: Gallery, turn: Turn, wrong: float) -> None:
    by_another = signed()
    turn(wrong)
    changes.position_of(gallery.pk)
    assert signing.read(by_another).variant == "original"


def test_it_follows_when_a_wrong_clock_is_put_right(gallery: Gallery, turn: Turn) -> None:
    turn(HOURS)
    changes.position_of(gallery.pk)
    assert abs(clock.offset + HOURS) < 1
    turn(0)
    changes.position_of(gallery.pk)
    assert abs(clock.offset) < 1


def test_it_stays_with_its_own_clock_when_that_is_right(gallery: Gallery) -> None:
    for _ in range(3):
        changes.position_of(gallery.pk)
        clock.measure()
    assert clock.offset == 0


@pytest.mark.parametrize("wrong", [0.9, -0.9])
def test_it_ignores_a_difference_under_a_second(wrong: float) -> None:
    clock.compare(REAL(), REAL() + wrong)
    assert clock.offset == 0


def test_it_learns_nothing_from_an_answer_that_took_longer_than_the_difference() -> None:
    clock.offset = -3
    clock.compare(REAL() - 10, REAL() - 5)
    assert clock.offset == -3
