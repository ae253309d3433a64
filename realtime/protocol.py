"""Every websocket message, both directions, as typed models. `changes` is imgs.changes.Changes."""

import json
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from imgs import cards
from imgs.changes import Changes, Tombstone

FRAME_MAX_BYTES = 64 * 1024
SIGN_MAX_IDS = 200

BAD_MESSAGE = "bad_message"
RATE_LIMITED = "rate_limited"


class Message(BaseModel):
    """A message to or from a browser. Unknown fields are ignored, so that either side may learn new ones first."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    def text(self) -> str:
        """The message as it goes over the wire."""
        return self.model_dump_json()


class Hello(Message):
    """The first message on every socket; `now` is the time by which URLs run out."""

    type: Literal["hello"] = "hello"
    gallery: str
    epoch: str
    head: int
    heartbeat_seconds: int
    now: str = Field(default_factory=cards.present)


class Reset(Message):
    """Changes can't be replayed from where the client is: load the snapshot again."""

    type: Literal["reset"] = "reset"
    head: int
    epoch: str


class Heartbeat(Message):
    """Where the feed stands, how many viewers the gallery has in all processes, and what time it is."""

    type: Literal["heartbeat"] = "heartbeat"
    head: int
    epoch: str
    viewers: int
    now: str = Field(default_factory=cards.present)


class Signed(Message):
    """Fresh URLs of those images that the client asked for and may see."""

    type: Literal["signed"] = "signed"
    images: dict[str, dict[str, str | None]]
    urls_expire_at: str


class Error(Message):
    """The client's last message could not be acted on; the socket stays open."""

    type: Literal["error"] = "error"
    code: str
    detail: str


class Resume(Message):
    """Send what changed after number `after` of `epoch`."""

    type: Literal["resume"]
    after: Annotated[int, Field(strict=True, ge=0, le=2**63 - 1)]
    epoch: Annotated[str, Field(max_length=64)]


class Sign(Message):
    """Make fresh URLs for these images."""

    type: Literal["sign"]
    ids: Annotated[list[UUID], Field(max_length=SIGN_MAX_IDS)]


ClientMessage = Annotated[Resume | Sign, Field(discriminator="type")]
_from_client: TypeAdapter[Any] = TypeAdapter(ClientMessage)


def parse(text: str | bytes | None) -> Resume | Sign | None:
    """A client's message, or None when it is unknown or malformed."""
    try:
        message: Resume | Sign = _from_client.validate_json(text or "")
    except ValidationError:
        return None
    return message


def encoded(value: Any) -> str:
    """A value as it goes over the wire."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def changes_text(after: int, to: int, cards: list[str], removed: list[str], *, more: bool) -> str:
    """A `changes` message out of cards and tombstones that were encoded before."""
    return (
        f'{{"type":"changes","from":{after},"to":{to},"cards":[{",".join(cards)}],'
        f'"removed":[{",".join(removed)}],"more":{encoded(more)}}}'
    )


def merge(earlier: Changes, later: Changes) -> Changes:
    """Two adjoining `changes` as one: each image once, in its last state, with the small version that came along."""
    shown: dict[str, cards.Card] = {}
    gone: dict[str, Tombstone] = {}
    for changes in (earlier, later):
        for card in changes["cards"]:
            shown[card["id"]] = cards.with_data_of(shown.get(card["id"]), card)
        for tombstone in changes["removed"]:
            shown.pop(tombstone["id"], None)
            gone[tombstone["id"]] = tombstone
    merged: dict[str, Any] = {
        **later,
        "from": earlier["from"],
        "cards": list(shown.values()),
        "removed": list(gone.values()),
    }
    return merged  # type: ignore[return-value]  # mypy does not follow ** into a TypedDict with the key "from"
