"""Copy the gallery into a folder while it is in use."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import BaseCommand, CommandError
from django.db import Error as DatabaseError

from imgs import backup


class Command(BaseCommand):
    """`manage.py backup FOLDER`."""

    help = "Copy database and pictures into a new folder. Safe while the gallery is in use."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Where to."""
        parser.add_argument("folder", type=Path, help="a new or empty folder")

    def handle(self, *_args: Any, **options: Any) -> None:
        """Make it, and say what is in it."""
        try:
            made = backup.make(options["folder"].resolve())
        except (backup.Refused, OSError, DatabaseError) as error:
            raise CommandError(str(error)) from error
        lost = f"; {made.missing:,} files are missing, as `manage.py audit` will say" if made.missing else ""
        self.stdout.write(f"{options['folder']}: the database and {made.files:,} files, {made.bytes:,} bytes{lost}")
