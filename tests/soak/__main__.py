"""`make soak`: the soak for as long as wanted, with a table at the end and pictures in bench/out/soak."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from bench.tables import table
from tests.browser.conftest import CHROMIUM, SWITCHES
from tests.soak.soak import Soak

ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    """Run it and tell. Returns the exit code."""
    parser = argparse.ArgumentParser(prog="tests.soak")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--photographs", type=Path, default=ROOT / "bench" / "out" / "soak")
    options = parser.parse_args()
    with sync_playwright() as playwright, tempfile.TemporaryDirectory() as folder:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=SWITCHES)
        report = Soak(chromium, Path(folder), options.photographs).run(options.minutes)
        chromium.close()
    options.photographs.mkdir(parents=True, exist_ok=True)
    series = {f"{who}: {name}": values for (who, name), values in report.samples.series.items()}
    (options.photographs / "samples.json").write_text(json.dumps(series, indent=1))
    print("\n".join([*table(report.samples.rows()), "", *report.notes, *report.failures]))
    print(f"pictures of the screens, and all samples: {options.photographs}")
    return 1 if report.failures else 0


if __name__ == "__main__":
    sys.exit(main())
