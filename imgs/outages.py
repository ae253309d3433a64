"""Say once that something underneath is away, and once that it is back, however often it is tried in between."""

import logging


class Outage:
    """The state of one part, such as the channel layer, as one user of it sees it."""

    def __init__(self, log: logging.Logger, part: str) -> None:
        self._log = log
        self._part = part
        self._away = False

    def noticed(self, reason: object) -> None:
        """It did not work; `reason` is an exception or a word."""
        if not self._away:
            name = type(reason).__name__ if isinstance(reason, BaseException) else reason
            self._log.warning("%s is away (%s); going on without it", self._part, name)
        self._away = True

    def over(self) -> None:
        """It worked."""
        if self._away:
            self._log.info("%s is back", self._part)
        self._away = False
