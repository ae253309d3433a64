"""The app that brings changes to browsers and work to workers."""

from django.apps import AppConfig


class RealtimeConfig(AppConfig):
    """Websockets, workers and the server."""

    name = "realtime"
