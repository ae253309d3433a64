"""Somebody who moderates: logged in to the admin, removing pictures."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from tests.faults.fleet import STAFF


class Staff:
    """A browser with a session of its own in the admin."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    async def remove(self, *images: str) -> int:
        """Remove images by the admin's action. Returns the status of the answer, 200 when it was done or needless."""
        form = {"action": "remove", "_selected_action": list(images), "index": "0"}
        return (await post(self._http, "/admin/imgs/uploadedimage/", form)).status_code


@asynccontextmanager
async def logged_in(address: str) -> AsyncIterator[Staff]:
    """Staff, logged in."""
    headers = {"Referer": address}
    async with httpx.AsyncClient(
        base_url=address, timeout=30, follow_redirects=True, headers=headers, trust_env=False
    ) as http:
        await http.get("/admin/login/")
        form = {"username": STAFF[0], "password": STAFF[1], "next": "/admin/"}
        answer = await post(http, "/admin/login/", form)
        assert answer.url.path == "/admin/", "the login to the admin failed"
        yield Staff(http)


async def post(http: httpx.AsyncClient, path: str, form: dict[str, object]) -> httpx.Response:
    """Send a form with the CSRF token."""
    return await http.post(path, data=form, headers={"X-CSRFToken": http.cookies["csrftoken"]})
