"""Capability URLs: ours and in time, or refused."""

import time
from uuid import uuid4

import pytest
from django.core import signing as django_signing

from imgs import signing

IMAGE = uuid4()


def data(url: str) -> str:
    return url.removeprefix("/image/").removesuffix("/")


def at(monkeypatch: pytest.MonkeyPatch, moment: float) -> None:
    monkeypatch.setattr(time, "time", lambda: moment)


def test_it_reads_back_what_was_signed() -> None:
    capability = signing.read(data(signing.image_url(IMAGE, "compressed", 3)))
    assert (capability.image, capability.variant, capability.revision) == (IMAGE, "compressed", 3)


def test_it_has_no_slash_in_the_signed_data() -> None:
    assert "/" not in data(signing.image_url(IMAGE, "original", 1))


def test_it_makes_one_url_for_everybody_within_a_step_of_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_800_000_000)
    first = signing.image_url(IMAGE, "original", 1)
    at(monkeypatch, 1_800_000_299)
    assert signing.image_url(IMAGE, "original", 1) == first
    at(monkeypatch, 1_800_000_300)
    assert signing.image_url(IMAGE, "original", 1) != first


def test_it_expires_an_hour_after_its_step(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_800_000_000)
    url = data(signing.image_url(IMAGE, "original", 1))
    assert signing.urls_expire_at().timestamp() == 1_800_003_600
    at(monkeypatch, 1_800_003_599)
    assert signing.read(url).expires_at == 1_800_003_600
    at(monkeypatch, 1_800_003_600)
    with pytest.raises(signing.Expired):
        signing.read(url)


def test_it_refuses_a_stamp_from_the_future_but_for_one_step(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1_800_000_900)
    url = data(signing.image_url(IMAGE, "original", 1))
    at(monkeypatch, 1_800_000_600)
    assert signing.read(url).image == IMAGE
    at(monkeypatch, 1_800_000_599)
    with pytest.raises(signing.Forged):
        signing.read(url)


def test_it_refuses_a_signature_made_for_another_purpose() -> None:
    other = django_signing.TimestampSigner(salt="dinding.share").sign(f"{IMAGE.hex}.original.1")
    with pytest.raises(signing.Forged):
        signing.read(other)


@pytest.mark.parametrize("broken", ["", ":", "::", "a:b:c", "x" * 5000, "\u202e", "a.b.c:1:2", "%00"])
def test_it_refuses_garbage(broken: str) -> None:
    with pytest.raises(signing.Forged):
        signing.read(broken)


@pytest.mark.parametrize("value", ["{id}.backup.1", "{id}.original", "nobody.original.1", "{id}.original.x"])
def test_it_refuses_a_true_signature_over_something_else(value: str) -> None:
    with pytest.raises(signing.Forged):
        signing.read(signing.SIGNER.sign(value.format(id=IMAGE.hex)))


def test_it_refuses_data_with_one_letter_changed() -> None:
    url = data(signing.image_url(IMAGE, "original", 1))
    for place in range(0, len(url), 7):
        changed = url[:place] + ("A" if url[place] != "A" else "B") + url[place + 1 :]
        with pytest.raises(signing.Forged):
            signing.read(changed)
