"""Whatever breaks: every accepted upload ends in one card, and every screen shows what the database says."""

import asyncio
from collections.abc import Iterator

import pytest

from deploy.fleet.__main__ import allow_open_files
from tests.disks import can_mount
from tests.faults import fleet, server, trial
from tests.faults.catalogue import FAULTS
from tests.faults.trial import Fault, Stack

# How much quicker it is, `make faults` says, with nothing else on the machine
PROMISED_SECONDS = 60


def named(embedded: bool) -> list[object]:
    """The faults of one stack, as parameters."""
    return [
        pytest.param(
            fault,
            id=fault.name.replace(" ", "-"),
            marks=pytest.mark.skipif(fault.mounts and not can_mount(), reason="mounting a small disk needs root"),
        )
        for fault in FAULTS
        if fault.embedded is embedded
    ]


@pytest.fixture(scope="module")
def faulty_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One fleet for all faults: what one of them leaves behind, the next one meets."""
    allow_open_files()  # a thousand screens
    with fleet.running(tmp_path_factory.mktemp("fleet")) as running:
        yield running


@pytest.fixture(scope="module")
def faulty_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """One process for all its faults."""
    with server.running(tmp_path_factory.mktemp("server")) as running:
        yield running


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", named(embedded=False))
def test_a_fleet_keeps_the_promise_through(fault: Fault, faulty_fleet: Stack) -> None:
    keeps_the_promise(faulty_fleet, fault)


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", named(embedded=True))
def test_one_process_keeps_the_promise_through(fault: Fault, faulty_server: Stack) -> None:
    keeps_the_promise(faulty_server, fault)


def keeps_the_promise(stack: Stack, fault: Fault) -> None:
    """Inject the fault and judge what is left of it."""
    found = asyncio.run(trial.run(stack, fault))
    assert found.kept, found
    assert not found.errors, found
    assert found.seconds <= PROMISED_SECONDS, found
