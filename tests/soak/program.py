"""`manage.py` whose server closes every websocket, cleanly, once it is 20 seconds old: a day's ageing in no time."""

import os
from functools import partial

import django

import manage

SOCKET_SECONDS = 20


def main() -> None:
    """Run one management command."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"
    django.setup()
    from realtime.management.commands import serve

    serve.Server = partial(serve.Server, websocket_timeout=SOCKET_SECONDS)  # type: ignore[misc,assignment]
    manage.main()


if __name__ == "__main__":
    main()
