"""Texts that bring sockets up to date, made out of memory."""

from functools import lru_cache, partial

from imgs import cards, changes
from imgs.changes import Changes
from realtime import protocol
from realtime.tail import Entry, Tail

TEXTS_KEPT = 16


class Replay:
    """The tail of one gallery's feed as messages. It starts empty, follows what is relayed, and can be completed once
    by what the database has of the time before.
    """

    def __init__(self, head: int) -> None:
        self._text = lru_cache(TEXTS_KEPT)(self._make_text)
        self.restart(head)

    def restart(self, head: int) -> None:
        """Forget everything: the feed goes on from here, maybe in another epoch."""
        self._tail = Tail(head, changes.REPLAY_MAX)
        self.is_complete = False
        self._text.cache_clear()

    def extend(self, relayed: Changes) -> None:
        """Take in what the hub relays."""
        self._tail.extend(relayed)

    def lacks(self, after: int) -> bool:
        """Whether the database may know what changed after number `after`, though the tail doesn't go back so far."""
        return not self.is_complete and self._tail.cursor - changes.REPLAY_MAX <= after < self._tail.start

    def complete(self, known: Changes) -> Changes:
        """Take in everything that can be replayed, as read from the database. Returns what of it was not relayed yet.

        `known` reaches at least the cursor that the tail had before it was read.
        """
        relayed = self._tail
        if relayed.start > known["to"]:  # so much came while it was read that nobody can use it any more
            return relayed.since(relayed.cursor)
        self._tail = Tail(known["from"], changes.REPLAY_MAX)
        self._tail.extend(known)
        if relayed.cursor > self._tail.cursor:
            self._tail.extend(relayed.since(self._tail.cursor))
        self.is_complete = True
        return self._tail.since(relayed.cursor)

    def text(self, after: int) -> tuple[str, int | None] | None:
        """What brings a client at number `after` up to date, and the number it reaches with it.

        That number is None when the client has to ask for more; everything is None when it must load the snapshot.
        """
        if not self._tail.covers(after):
            return None
        return self._text(after, self._tail.cursor, cards.urls_expire_at())

    def _make_text(self, after: int, _cursor: int, expire_at: str) -> tuple[str, int | None]:
        entries, to, more = self._tail.page(after, changes.PAGE_MAX)
        encode = partial(_encoded, expire_at=expire_at)
        shown = [encode(entry) for entry in entries if entry.is_card]
        removed = [encode(entry) for entry in entries if not entry.is_card]
        return protocol.changes_text(after, to, shown, removed, more=more), None if more else to


def _encoded(entry: Entry, expire_at: str) -> str:
    """The JSON of an entry, made anew only when its URLs get old."""
    item = cards.renewed(entry.item, expire_at) if entry.is_card else entry.item
    if item is not entry.item or not entry.text:
        entry.item, entry.text = item, protocol.encoded(item)
    return entry.text
