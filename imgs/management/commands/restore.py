"""Bring a gallery back from the folder that `backup` made."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import Error as DatabaseError

from imgs import backup


class Command(BaseCommand):
    """`manage.py restore FOLDER [--force]`."""

    help = "Bring back what `backup` copied, into an empty gallery that is not in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where from, and whether over what is there."""
        parser.add_argument("folder", type=Path, help="what `manage.py backup` was given")
        parser.add_argument("--force", action="store_true", help="replace a gallery that has pictures or is in use")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Do it, and say what the audit at its end found."""
        try:
            totals = backup.restore(options["folder"].resolve(), self.stdout.write, force=options["force"])
        except (backup.Refused, OSError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        rest = "; `manage.py audit --fix` deletes them" if totals.young else ""
        self.stdout.write(
            f"{totals.images:,} images are back, {totals.repaired:,} of them repaired; "
            f"{totals.young:,} other files were there{rest}"
        )
