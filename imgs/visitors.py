"""Who is asking: the visitor's random id, the address, and how much they may upload."""

import logging
import secrets
import time
from functools import cache

from django.conf import settings
from django.http import HttpRequest
from limits import RateLimitItem, parse
from limits.errors import ConcurrentUpdateError, StorageError
from limits.storage import storage_from_string
from limits.strategies import FixedWindowRateLimiter

from imgs import problems

log = logging.getLogger(__name__)


def owner_of(request: HttpRequest) -> str:
    """The random id by which this visitor owns what they upload; kept in the session, made on the first call."""
    owner = request.session.get("owner")
    if not isinstance(owner, str):
        owner = request.session["owner"] = secrets.token_hex(8)
    return owner


def address_of(request: HttpRequest) -> str:
    """The visitor's address, as told by the outermost of the TRUSTED_PROXIES, or else of the connection."""
    hops = [hop.strip() for hop in request.headers.get("X-Forwarded-For", "").split(",") if hop.strip()]
    trusted: int = settings.TRUSTED_PROXIES
    if trusted and len(hops) >= trusted:
        return hops[-trusted]
    return str(request.META.get("REMOTE_ADDR", ""))


def check_upload_rate(request: HttpRequest, owner: str) -> None:
    """Count one upload. Raises the problem rate_limited when the visitor's or the address's share is used up."""
    item = _rate()
    for who in (f"visitor-{owner}", f"address-{address_of(request)}"):
        try:
            allowed = _limiter().hit(item, who)
            reset = 0.0 if allowed else _limiter().get_window_stats(item, who).reset_time
        except (StorageError, ConcurrentUpdateError):
            return  # a counter that can't be reached must not stop uploads
        if not allowed:
            raise problems.rate_limited(max(1, round(reset - time.time())))


@cache
def _rate() -> RateLimitItem:
    return parse(settings.UPLOAD_RATE)


@cache
def _limiter() -> FixedWindowRateLimiter:
    if settings.FLEET:
        storage = storage_from_string(
            settings.REDIS_URL, wrap_exceptions=True, socket_timeout=0.3, socket_connect_timeout=0.3
        )
    else:
        storage = storage_from_string("memory://")
    return FixedWindowRateLimiter(storage)
