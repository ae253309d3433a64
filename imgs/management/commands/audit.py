"""Compare rows and files; repair what does not fit, if told to."""

import sys
from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from django.core.management import BaseCommand, CommandError

from imgs.audit import Audit


class Command(BaseCommand):
    """`manage.py audit [--fix] [--older-than MINUTES] [--most-are-lost]`.

    Exit code 1 when something was found and not repaired, 2 when the storage can't be judged.
    """

    help = "Find images without their files and files without an image. Safe while the gallery is in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to repair, and what is young."""
        parser.add_argument("--fix", action="store_true", help="repair what is found")
        parser.add_argument(
            "--older-than",
            type=minutes,
            default=60,
            metavar="MINUTES",
            help="leave younger files without an image alone: uploads under way have some (60)",
        )

        parser.add_argument("--most-are-lost", action="store_true", help="go on though most originals are missing")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Report each problem, then the total."""
        older_than = timedelta(minutes=options["older_than"])
        audit = Audit(
            self.stdout.write, fix=options["fix"], older_than=older_than, most_may_be_lost=options["most_are_lost"]
        )
        try:
            totals = audit.run()
        except OSError as error:
            raise CommandError(f"nothing more can be said: {error}", returncode=2) from error
        self.stdout.write(
            f"{totals.images:,} images and {totals.files:,} files: {totals.found:,} problems, "
            f"{totals.repaired:,} repaired; {totals.young:,} young files without an image left alone"
        )
        if not totals.is_clean:
            sys.exit(1)


def minutes(raw: str) -> int:
    """A time up to a year, for argparse."""
    if not raw.isdecimal() or int(raw) > 366 * 24 * 60:
        raise ArgumentTypeError("must be a whole number of minutes, from 0 up to a year")
    return int(raw)
