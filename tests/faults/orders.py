"""Orders to the processes of a fleet under test: what to do at which point. tests/faults/points carries them out."""

import asyncio
import itertools
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path

FOR_EVER = 10**9


@dataclass(frozen=True)
class Order:
    """At `point`, `process` (a service, or one replica such as `worker.1`) does `act`, `times` times in all.

    `seconds` is how long to wait, to delay a message at most, or how far to move the clock; for a signal, how much
    later it comes at most. `size` (bytes) picks the one file that a child is to act on.
    """

    id: str
    point: str
    process: str
    act: str
    times: int
    seconds: float
    size: int


class Orders:
    """The folder that the processes look into."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True)
        self._numbers = itertools.count(1)
        self._given: list[Order] = []

    def give(
        self, point: str, process: str, act: str = "", *, times: int = FOR_EVER, seconds: float = 0, size: int = 0
    ) -> Order:
        """Give an order, valid until it was carried out `times` times or is taken back."""
        order = Order(f"order-{next(self._numbers)}", point, process, act, times, seconds, size)
        self._given.append(order)
        self._write()
        return order

    def take_back(self) -> None:
        """No more orders."""
        self._given.clear()
        self._write()

    def hits(self, order: Order) -> list[int]:
        """The processes that carried the order out, by pid, one for each time."""
        try:
            lines = (self.folder / "hits").read_text().splitlines()
        except FileNotFoundError:
            return []
        return [int(line.split()[2]) for line in lines if line.split()[0] == order.id]

    async def carried_out(self, order: Order, seconds: float = 15) -> list[int]:
        """Wait until the order was carried out for the first time. Returns the pids."""
        deadline = time.monotonic() + seconds
        while not (pids := self.hits(order)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"nobody reached the point {order.point!r} within {seconds} s")
            await asyncio.sleep(0.01)
        return pids

    def _write(self) -> None:
        unfinished = self.folder / "orders.new"
        unfinished.write_text(json.dumps([asdict(order) for order in self._given]))
        unfinished.replace(self.folder / "orders.json")
