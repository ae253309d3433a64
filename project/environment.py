"""How the settings read environment variables, and what they find out about the machine."""

import os
import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")

NAME = r"([\w-]+(\.[\w-]+)*|\[[0-9a-f:.]+\])"
HOST = re.compile(rf"\*|\.?{NAME}", re.ASCII | re.IGNORECASE)
ORIGIN = re.compile(rf"https?://(\*\.)?{NAME}(:\d+)?", re.ASCII | re.IGNORECASE)


def variable(name: str, parse: Callable[[str], T], default: T) -> T:
    """The environment variable `name`, or `default` when it is unset or empty.

    Raises ImproperlyConfigured with the variable's name and what it should be, never with its value: some are secrets.
    """
    raw = os.environ.get(name, "").strip()
    if not raw:
        return default
    try:
        return parse(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} {error}") from None


def switch(raw: str) -> bool:
    """`on`, `true`, `yes`, `1` or their opposites."""
    words = {"on": True, "true": True, "yes": True, "1": True, "off": False, "false": False, "no": False, "0": False}
    if raw.lower() not in words:
        raise ValueError("must be on or off")
    return words[raw.lower()]


def number(lowest: int, highest: int) -> Callable[[str], int]:
    """A parser of whole numbers from `lowest` to `highest`."""

    def parse(raw: str) -> int:
        if not raw.isdecimal() or not lowest <= int(raw) <= highest:
            raise ValueError(f"must be a whole number from {lowest} to {highest}")
        return int(raw)

    return parse


def words(raw: str) -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in raw.split(",") if word.strip()]


def hosts(raw: str) -> list[str]:
    """Names and addresses without scheme and port, as Django compares them; a dot before one takes in all below it."""
    found = words(raw)
    if not found or not all(HOST.fullmatch(host) for host in found):
        raise ValueError("must be names and addresses such as pesta.example, with commas, without http:// and port")
    return found


def origins(raw: str) -> list[str]:
    """Origins such as `https://pesta.example`, without the slash at their end."""
    found = [word.rstrip("/") for word in words(raw)]
    if not all(ORIGIN.fullmatch(origin) for origin in found):
        raise ValueError("must be origins such as https://pesta.example, with commas")
    return found


def database(raw: str) -> dict[str, Any]:
    """A database address such as `postgres://user:password@host:5432/name`."""
    if not raw.startswith(("postgres://", "postgresql://", "sqlite:///")):
        raise ValueError("must be an address such as postgres://user:password@host:5432/name")
    config: dict[str, Any] = environ.Env.db_url_config(raw)
    return config


def redis_address(raw: str) -> str:
    """A Redis address such as `redis://host:6379/0`."""
    if not raw.startswith(("redis://", "rediss://", "unix://")):
        raise ValueError("must be an address such as redis://host:6379/0")
    return raw


def web_address(raw: str) -> str:
    """An http or https address, without the slash at its end."""
    if not raw.startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")
    return raw.rstrip("/")


def rate(raw: str) -> str:
    """A rate such as `600/minute`."""
    amount, _slash, period = raw.partition("/")
    counts = amount.strip().isdecimal() and int(amount) > 0
    if not counts or period.strip() not in {"second", "minute", "hour", "day"}:
        raise ValueError("must be a number above 0 per second, minute, hour or day, such as 600/minute")
    return raw


def language(raw: str) -> str:
    """A language the program speaks."""
    if raw not in {"id", "en"}:
        raise ValueError("must be id or en")
    return raw


def machine_addresses() -> list[str]:
    """The addresses by which other devices on the network reach this machine, the likeliest first."""
    found: list[str] = []
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # picks the outgoing interface; a datagram socket sends nothing here
            found.append(probe.getsockname()[0])
        found.extend(str(info[4][0]) for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET))
    except OSError:
        pass
    return list(dict.fromkeys(address for address in found if not address.startswith("127.")))


def folder(path: Path) -> Path:
    """The folder, made if it is not there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ImproperlyConfigured(f"DATA_DIR must be a folder that can be written to: {error}") from None
    return path


def kept_secret_key(path: Path) -> str:
    """The secret key of an embedded installation: made once, readable by its owner alone."""
    if not path.exists():
        folder(path.parent)
        unfinished = path.with_name(f"{path.name}.{os.getpid()}")
        unfinished.touch(mode=0o600)
        unfinished.write_text(secrets.token_urlsafe(50))
        try:
            os.link(unfinished, path)
        except FileExistsError:
            pass  # another process was first: its key counts
        finally:
            unfinished.unlink()
    return path.read_text().strip()
