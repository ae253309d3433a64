"""Whatever breaks: every accepted upload ends in one card, and every screen shows what the database says."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.faults import trial
from tests.faults.catalogue import FAULTS
from tests.faults.fleet import FaultyFleet, running
from tests.faults.trial import Fault


@pytest.fixture(scope="module")
def faulty_fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FaultyFleet]:
    """One fleet for all faults: what one of them leaves behind, the next one would meet."""
    with running(tmp_path_factory.mktemp("faults")) as fleet:
        yield fleet


@pytest.mark.timeout(240)
@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name.replace(" ", "-"))
def test_it_keeps_the_promise_though(fault: Fault, faulty_fleet: FaultyFleet) -> None:
    found = asyncio.run(trial.run(faulty_fleet, fault))
    assert found.kept, found
    assert not found.crashes, found
