"""What happens around every Django request."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from imgs import problems, views

RETRY_SECONDS = 5


class DatabaseAwayMiddleware(MiddlewareMixin):
    """A database that can't be reached is a 503 and one line in the log. The page comes back by itself."""

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer when that is what went wrong, else None."""
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        answer = views.refuse(request, problems.unavailable(), error=type(exception).__name__)
        if views.wants_problem(request):
            return answer
        page = render(request, "503.html", {"retry_seconds": RETRY_SECONDS}, status=answer.status_code)
        page._has_been_logged = True  # type: ignore[attr-defined]
        page["Retry-After"] = str(RETRY_SECONDS)
        return page
