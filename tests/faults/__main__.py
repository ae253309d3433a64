"""`python -m tests.faults [NAME ...] [--times 10] [--short]`: every fault at random moments; prints a table.

Ends with exit code 1 when the promise was not kept.
"""

import argparse
import asyncio
import queue
import signal
import sys
import tempfile
import threading
import time
import traceback
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.tables import percentile
from tests.disks import can_mount
from tests.faults import fleet, server, trial
from tests.faults.catalogue import FAULTS, SLOW, ceiling_seconds
from tests.faults.trial import Fault, Stack
from tests.faults.verdict import Verdict

STACKS: dict[Any, int] = {fleet: 2, server: 1}  # how many of each at once; one kind after the other
FAST_SECONDS, SLOW_SECONDS = 5.0, 60.0
COLUMNS = ("injected", "lost", "doubled", "stuck", "diverged", "spoiled", "leftover", "errors")


@dataclass
class Line:
    """What came of one fault, all its trials together."""

    fault: Fault
    verdicts: list[Verdict] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def counts(self) -> list[int]:
        """One number for each of COLUMNS."""
        found = [sum(len(getattr(verdict, kind)) for verdict in self.verdicts) for kind in COLUMNS[1:-1]]
        refused = sum(len(verdict.errors) for verdict in self.verdicts)
        return [len(self.verdicts) + len(self.errors), *found, len(self.errors) + refused]

    def seconds(self) -> list[float]:
        """How long each trial took to converge after the fault had ended."""
        return sorted(verdict.seconds for verdict in self.verdicts)

    @property
    def is_too_slow(self) -> bool:
        """Whether a single trial took longer than any may."""
        return max(self.seconds(), default=0) > ceiling_seconds(self.fault)


class Run:
    """All trials, in as many lanes as two processors can carry, each lane with a stack of its own."""

    def __init__(self, faults: list[Fault], times: int, *, long: bool) -> None:
        self.lines = {fault.name: Line(fault) for fault in faults}
        self._long = long
        self._open = {stack: queue.SimpleQueue[Fault]() for stack in STACKS}
        for _ in range(times):
            for fault in sorted(faults, key=lambda fault: fault.name not in SLOW):
                self._open[stack_of(fault)].put(fault)

    def all(self) -> None:
        """Do them all."""
        for stack, lanes in STACKS.items():
            if not self._open[stack].empty():
                self._side_by_side([threading.Thread(target=self._lane, args=(stack,)) for _ in range(lanes)])

    def _side_by_side(self, lanes: list[threading.Thread]) -> None:
        for lane in lanes:
            lane.start()
        try:
            for lane in lanes:
                lane.join()
        except KeyboardInterrupt:
            print("Stopping after the trials that are under way.", flush=True)
            self._open = {stack: queue.SimpleQueue() for stack in STACKS}
            for lane in lanes:
                lane.join()

    def _lane(self, stack: Any) -> None:
        with (
            tempfile.TemporaryDirectory(prefix="dinding-faults-", ignore_cleanup_errors=True) as folder,
            stack.running(Path(folder)) as running,
            suppress(queue.Empty),
        ):
            while True:
                self._one(running, self._open[stack].get_nowait())

    def _one(self, stack: Stack, fault: Fault) -> None:
        line = self.lines[fault.name]
        try:
            verdict = asyncio.run(trial.run(stack, fault, long=self._long))
        except Exception as error:  # noqa: BLE001 (it is told, and the other trials go on)
            line.errors.append(f"{type(error).__name__}: {error}")
            print(f"{fault.name}: could not be judged", traceback.format_exc(), sep="\n", flush=True)
            return
        line.verdicts.append(verdict)
        if not verdict.kept or verdict.errors:
            print(f"{fault.name}: {verdict}", flush=True)


def stack_of(fault: Fault) -> Any:
    """The module that runs what the fault is for."""
    return server if fault.embedded else fleet


def table(lines: list[Line]) -> str:
    """One line a fault, and their sum."""
    width = max((len(line.fault.name) for line in lines), default=0)
    head = " ".join(f"{column:>9}" for column in COLUMNS)
    rows = [f"{'fault':{width}} {head} {'p50 s':>7} {'p95 s':>7} {'max s':>7}"]
    for line in lines:
        numbers = " ".join(f"{count:>9}" for count in line.counts())
        times = " ".join(f"{percentile(line.seconds() or [0.0], share):7.1f}" for share in (50, 95, 100))
        rows.append(f"{line.fault.name:{width}} {numbers} {times}")
    sums = " ".join(f"{sum(column):>9}" for column in zip(*(line.counts() for line in lines), strict=True))
    return "\n".join([*rows, f"{'together':{width}} {sums}"])


def p95(lines: list[Line]) -> float:
    """The 95th percentile of the seconds to converge, of all trials together: one fault has too few for one."""
    return percentile([second for line in lines for second in line.seconds()] or [0.0], 95)


def main() -> int:
    """Run what the command line names, everything by default."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description="Inject faults; print what came of it.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="parts of faults' names; default: all")
    parser.add_argument("--times", type=int, default=10, help="trials of each fault (10)")
    parser.add_argument("--short", action="store_true", help="outages of seconds, not of a minute")
    options = parser.parse_args()
    named = [fault for fault in FAULTS if not options.names or any(name in fault.name for name in options.names)]
    faults = [fault for fault in named if can_mount() or not fault.mounts]
    began = time.monotonic()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    run = Run(faults, options.times, long=not options.short)
    run.all()
    lines = list(run.lines.values())
    print(table(lines))
    slow, fast = ([line for line in lines if (line.fault.name in SLOW) is kind] for kind in (True, False))
    uploads = sum(verdict.uploads for line in lines for verdict in line.verdicts)
    print(f"{uploads} uploads in {(time.monotonic() - began) / 60:.0f} minutes.")
    print(f"Time to converge, p95: {p95(fast):.1f} s; with Redis or the database away: {p95(slow):.1f} s.")
    too_slow = [line for line in lines if line.is_too_slow]
    for line in too_slow:
        print(f"Too slow: {line.fault.name}, {line.seconds()[-1]:.1f} s; at most {ceiling_seconds(line.fault):.0f} s.")
    if left_out := len(named) - len(faults):
        print(f"{left_out} faults of full disks were left out: this user may not mount any.")
    kept = all(not any(line.counts()[1:]) for line in lines)
    return 0 if kept and not too_slow and p95(fast) < FAST_SECONDS and p95(slow) < SLOW_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
