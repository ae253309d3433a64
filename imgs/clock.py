"""The present by the database's clock, so that machines whose own clocks are wrong agree about stamps."""

import time

from django.db import connection

STALE_SECONDS = 60.0
NOISE_SECONDS = 1.0

_SECONDS_SINCE_1970 = {
    "postgresql": "EXTRACT(EPOCH FROM STATEMENT_TIMESTAMP())",
    "sqlite": "(JULIANDAY('NOW') - 2440587.5) * 86400",
}


class Clock:
    """This machine's clock, put right by an offset in seconds.

    The offset is measured with each new connection, and whenever the database is asked where a feed stands. With
    SQLite both are one clock, and the offset stays 0.
    """

    def __init__(self) -> None:
        self.offset = 0.0
        self._measured: float | None = None  # on the monotonic clock

    def now(self) -> float:
        """The present, in seconds since 1970."""
        return time.time() + self.offset

    @property
    def is_stale(self) -> bool:
        """Whether to `measure` before relying on `now`: the database has not told its time lately."""
        return self._measured is None or time.monotonic() - self._measured > STALE_SECONDS

    def refresh(self) -> None:
        """Measure when that is due. Raises a database error."""
        if self.is_stale:
            self.measure()

    def measure(self) -> None:
        """Ask the database for its time. Raises a database error."""
        with connection.cursor() as cursor:
            asked = time.time()
            cursor.execute(f"SELECT {_SECONDS_SINCE_1970[connection.vendor]}")
            self.compare(asked, float(cursor.fetchone()[0]))

    def compare(self, asked: float, told: float) -> None:
        """Take in the answer `told` (seconds since 1970), just received, to a question of the moment `asked` here.

        An offset that may still be right, give or take NOISE_SECONDS, is kept: a slow answer tells little.
        """
        lowest, highest = told - time.time(), told - asked
        if not lowest - NOISE_SECONDS <= self.offset <= highest + NOISE_SECONDS:
            self.offset = (lowest + highest) / 2
        self._measured = time.monotonic()


clock = Clock()
