"""`python -m bench [NAME ...] [--quick | --document]`: measure, print tables, write bench/results.json."""

import argparse
import json
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench import compress, document, fanout, machine, memory, path, upload_cost
from bench.tables import Section

RESULTS = Path(__file__).with_name("results.json")
BENCHMARKS: dict[str, Callable[[bool], Section]] = {
    "compress": compress.run,
    "memory": memory.run,
    "upload": upload_cost.run,
    "fanout": fanout.run,
    "path": path.run,
}
BUSY_PERCENT = 10


def main() -> None:
    """Run what the command line names, everything by default."""
    parser = argparse.ArgumentParser(prog="python -m bench", description="Measure, print tables, write results.json.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(BENCHMARKS)}; default: all")
    parser.add_argument("--quick", action="store_true", help="a short run to try things out; results.json stays")
    parser.add_argument("--document", action="store_true", help="only put the kept numbers into docs/benchmarks.md")
    options = parser.parse_args()
    if options.document:
        document.write(RESULTS)
        return
    if unknown := set(options.names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}")
    if sys.platform != "linux":
        sys.exit("bench: needs Linux, whose /proc tells what a process uses")
    allow_open_files()
    results = {name: measure(name, options.quick) for name in options.names or BENCHMARKS}
    if not options.quick:
        write(results)


def measure(name: str, quick: bool) -> dict[str, Any]:
    """Run one benchmark and print what it found, at once; the same for results.json."""
    moment = machine.moment()
    began = time.monotonic()
    before = machine.busy_percent()
    section = BENCHMARKS[name](quick)
    after = machine.busy_percent()
    if max(before, after) > BUSY_PERCENT:
        section.notes.append(f"The machine was {before:.0f} % busy before this benchmark, {after:.0f} % after it.")
    print(section.text(), flush=True)
    took = round(time.monotonic() - began)
    return {**moment, "took_seconds": took, "title": section.title, "rows": section.rows, "notes": section.notes}


def write(results: dict[str, Any]) -> None:
    """Put the new results into results.json; those of benchmarks that did not run stay, with their own date."""
    kept = json.loads(RESULTS.read_text())["benchmarks"] if RESULTS.exists() else {}
    document = {"machine": machine.facts(), "benchmarks": {**kept, **results}}
    RESULTS.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    print(f"written: {RESULTS}")


def allow_open_files() -> None:
    """Let this process and those it starts hold thousands of sockets, as far as the system permits."""
    _now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


if __name__ == "__main__":
    main()
