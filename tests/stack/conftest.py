"""One fleet for all stack tests: real nginx, PostgreSQL and Redis, two web processes, two workers."""

from collections.abc import Iterator

import pytest

from tests.stack.fleet import RunningFleet, Visitor


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningFleet]:
    """A fleet that is ready. Tests may break its parts, and leave it whole."""
    running = RunningFleet(tmp_path_factory.mktemp("fleet"), web=2, worker=2)
    try:
        running.wait_until_ready()
        yield running
    finally:
        running.stop()


@pytest.fixture
def visitor(fleet: RunningFleet) -> Iterator[Visitor]:
    """Somebody new who comes through nginx."""
    somebody = Visitor(fleet.address)
    yield somebody
    somebody.http.close()
