"""docker-compose.yml as typed values: the part of the Compose format that this project uses, `${…}` filled in."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

VARIABLE = re.compile(r"\$(?:\$|\{(?P<name>\w+)(?:(?P<operator>:-|:\?)(?P<word>[^}]*))?\})")
DURATION = re.compile(r"(?P<amount>\d+(?:\.\d+)?)(?P<unit>ms|s|m|h)")
UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class ComposeError(Exception):
    """The file can't be carried out; the text says why, for a person."""


@dataclass(frozen=True)
class Healthcheck:
    """How to find out whether a service works, and how often; times in seconds."""

    test: list[str]
    interval: float
    timeout: float
    retries: int
    start_period: float
    start_interval: float


@dataclass(frozen=True)
class Service:
    """One service. `image` is empty for those that run this project's own image."""

    name: str
    image: str
    command: list[str]
    environment: dict[str, str]
    depends_on: dict[str, str]
    port: int | None
    published_port: int | None
    restart: str
    stop_signal: str
    stop_grace_seconds: float
    healthcheck: Healthcheck | None


def interpolate(text: str, variables: Mapping[str, str]) -> str:
    """`text` with `${NAME}`, `${NAME:-default}` and `${NAME:?message}` filled in, and `$$` as `$`."""

    def value(match: re.Match[str]) -> str:
        name, operator, word = match["name"], match["operator"], match["word"]
        if name is None:
            return "$"
        found = variables.get(name, "")
        if not found and operator == ":?":
            raise ComposeError(f"required variable {name} is missing a value: {word}")
        return found or (word if operator == ":-" else "")

    return VARIABLE.sub(value, text)


def read(path: Path, variables: Mapping[str, str]) -> dict[str, Service]:
    """The services of the file at `path`, by name, in the file's order."""
    document = _filled_in(yaml.safe_load(path.read_text()), variables)
    return {name: _service(name, entry) for name, entry in document["services"].items()}


def seconds(text: str) -> float:
    """A Compose duration such as `1m30s` in seconds."""
    parts = list(DURATION.finditer(text))
    if "".join(part[0] for part in parts) != text or not parts:
        raise ComposeError(f"not a duration: {text!r}")
    return sum(float(part["amount"]) * UNIT_SECONDS[part["unit"]] for part in parts)


def _filled_in(node: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return interpolate(node, variables)
    if isinstance(node, list):
        return [_filled_in(item, variables) for item in node]
    if isinstance(node, dict):
        return {key: _filled_in(item, variables) for key, item in node.items()}
    return node


def _service(name: str, entry: dict[str, Any]) -> Service:
    if entry.get("restart", "no") not in {"no", "always", "unless-stopped"}:
        raise ComposeError(f"{name}: the restart policy {entry['restart']} is not understood")
    published, _, inside = entry.get("ports", [":"])[0].rpartition(":")
    port = inside or entry.get("expose", [""])[0]
    return Service(
        name=name,
        image="" if "build" in entry else entry["image"].partition(":")[0],
        command=[str(word) for word in entry["command"]],
        environment={key: str(value) for key, value in entry.get("environment", {}).items()},
        depends_on={other: needs["condition"] for other, needs in entry.get("depends_on", {}).items()},
        port=int(port) if port else None,
        published_port=int(published) if published else None,
        restart=entry.get("restart", "no"),
        stop_signal=entry.get("stop_signal", "SIGTERM"),
        stop_grace_seconds=seconds(entry.get("stop_grace_period", "10s")),
        healthcheck=_healthcheck(entry["healthcheck"]) if "healthcheck" in entry else None,
    )


def _healthcheck(entry: dict[str, Any]) -> Healthcheck:
    kind, *test = entry["test"]
    if kind != "CMD":
        raise ComposeError(f"only healthchecks of the kind CMD are understood, not {kind}")
    return Healthcheck(
        test=test,
        interval=seconds(entry["interval"]),
        timeout=seconds(entry["timeout"]),
        retries=entry["retries"],
        start_period=seconds(entry["start_period"]),
        start_interval=seconds(entry["start_interval"]),
    )
