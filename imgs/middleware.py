"""What happens around every Django request."""

from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.deprecation import MiddlewareMixin

from imgs import problems, views
from imgs.disk import is_full, release_reserve

RETRY_SECONDS = 5
PROBLEMS = {404: problems.not_found, 405: problems.method_not_allowed}


class ProblemsMiddleware(MiddlewareMixin):
    """What goes wrong is said in the way of whoever asked: a problem document to programs, a page to people.

    A database that can't be reached (503), or has no room to write (507), is one line in the log, and the page comes
    back by itself.
    """

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """An address or a method that the program doesn't have, as a problem where programs ask."""
        if (
            response.status_code not in PROBLEMS
            or not views.wants_problem(request)
            or "json" in response["Content-Type"]
        ):
            return response
        answer = views.refuse(request, PROBLEMS[response.status_code]())
        if "Allow" in response:
            answer["Allow"] = response["Allow"]
        return answer

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        """The answer when that is what went wrong, else None."""
        if not isinstance(exception, (OperationalError, InterfaceError)):
            return None
        problem = problems.unavailable()
        if is_full(exception):
            problem = problems.storage_full()
            release_reserve()  # somebody logs in, perhaps, to tidy up: the next attempt goes well
        answer = views.refuse(request, problem, error=type(exception).__name__)
        if views.wants_problem(request):
            return answer
        page = render(request, "503.html", {"retry_seconds": RETRY_SECONDS}, status=answer.status_code)
        page._has_been_logged = True  # type: ignore[attr-defined]
        page["Retry-After"] = str(RETRY_SECONDS)
        return page
