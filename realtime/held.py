"""What came after a gap in a feed, until that is closed."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:  # it knows no models
    from imgs.changes import Changes

HELD_MAX = 1000


class Held:
    """Changes by epoch and by the number they follow, HELD_MAX at most: what else comes is read from the database."""

    def __init__(self) -> None:
        self._changes: dict[tuple[str, int], Changes] = {}

    def __bool__(self) -> bool:
        return bool(self._changes)

    def keep(self, epoch: str, changes: "Changes") -> None:
        """Keep changes that are not next."""
        if len(self._changes) < HELD_MAX:
            self._changes[epoch, changes["from"]] = changes

    def take(self, epoch: str, after: int) -> "Changes | None":
        """The changes that follow number `after`, kept no longer."""
        return self._changes.pop((epoch, after), None)

    def forget(self, epoch: str, cursor: int) -> None:
        """Let go of what is of another epoch, or known up to the cursor."""
        for key, held in list(self._changes.items()):
            if key[0] != epoch or held["to"] <= cursor:
                del self._changes[key]

    def clear(self) -> None:
        """Let go of everything."""
        self._changes.clear()
