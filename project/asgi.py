"""The ASGI application: HTTP and websockets, served alike by `manage.py serve`, uvicorn or any other ASGI server."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

import django

django.setup()

from realtime.routing import application  # noqa: E402

__all__ = ["application"]
