"""The last part of a gallery's feed, in memory: what a client missed, without asking the database."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # a tail knows no models
    from imgs.changes import Changes


@dataclass(slots=True)
class Entry:
    """The last state of one image that changed: its card or its tombstone, and the JSON of it once that was needed."""

    item: dict[str, Any]
    is_card: bool
    text: str = ""

    @property
    def seq(self) -> int:
        """The number of the change."""
        seq: int = self.item["seq"]
        return seq


class Tail:
    """The images that changed after number `start`, up to `cursor`, each once in its last state, in order of change.

    It holds at most the last `numbers_max` numbers. Cards in it never carry `compressed_data`.
    """

    def __init__(self, start: int, numbers_max: int) -> None:
        self.start = self.cursor = start
        self._numbers_max = numbers_max
        self._entries: OrderedDict[str, Entry] = OrderedDict()

    def covers(self, after: int) -> bool:
        """Whether everything after number `after` is here."""
        return self.start <= after <= self.cursor

    def extend(self, changes: "Changes") -> None:
        """Take in changes that begin at the cursor or before it; what is known already is passed over."""
        for entry in sorted(_entries_of(changes), key=lambda entry: entry.seq):
            if entry.seq > self.cursor:
                self._entries[entry.item["id"]] = entry
                self._entries.move_to_end(entry.item["id"])
        self.cursor = max(self.cursor, changes["to"])
        self.start = max(self.start, self.cursor - self._numbers_max)
        while self._entries and next(iter(self._entries.values())).seq <= self.start:
            self._entries.popitem(last=False)

    def since(self, after: int, limit: int | None = None) -> "Changes":
        """What changed after number `after`, which must be covered; at most `limit` images of it."""
        entries, to, more = self.page(after, limit)
        cards = [entry.item for entry in entries if entry.is_card]
        removed: Any = [entry.item for entry in entries if not entry.is_card]
        return {"type": "changes", "from": after, "to": to, "cards": cards, "removed": removed, "more": more}

    def page(self, after: int, limit: int | None) -> tuple[list[Entry], int, bool]:
        """The entries of `since`, the number reached with them, and whether there are more."""
        entries = [entry for entry in self._entries.values() if entry.seq > after]
        if limit is None or len(entries) <= limit:
            return entries, self.cursor, False
        return entries[:limit], entries[limit - 1].seq, True


def _entries_of(changes: "Changes") -> Iterator[Entry]:
    for card in changes["cards"]:
        yield Entry({name: value for name, value in card.items() if name != "compressed_data"}, is_card=True)
    for tombstone in changes["removed"]:
        yield Entry({**tombstone}, is_card=False)
