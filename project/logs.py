"""How a log line looks: time, level, where from, what happened, then key=value pairs. Always one line an event."""

import logging

STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class LineFormatter(logging.Formatter):
    """One line per event, even when a stranger's file name has line breaks in it; a stack trace may follow."""

    default_msec_format = "%s.%03d"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 (the name is logging's)
        """The line, its `extra=` values behind it, control and direction characters written as escapes."""
        extra = "".join(f" {key}={value!r}" for key, value in vars(record).items() if key not in STANDARD)
        line = super().formatMessage(record) + extra
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
