#!/usr/bin/env python
"""Command line of the project. Guarded and thin: child processes import it again."""

import os
import sys


def main() -> None:
    """Run one management command; a wrong setting is one line, not a traceback."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")
    from django.core.exceptions import ImproperlyConfigured  # noqa: PLC0415
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    try:
        execute_from_command_line(sys.argv)
    except ImproperlyConfigured as error:
        sys.exit(f"dinding: {error}")


if __name__ == "__main__":
    main()
