"""Cookies that mark a browser for some time, with the scope of the session cookie. Must not read the session."""

from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase


@dataclass(frozen=True, slots=True)
class BrowserMark:
    """A cookie whose presence is its meaning. Its name is `prefix` and the name of the session cookie.

    Cookies ignore ports: two sites on one local host have session cookies of different names.
    """

    prefix: str
    seconds: int

    def is_set(self, request: HttpRequest) -> bool:
        """Return whether the browser has the mark. Reads a cookie."""
        return bool(request.COOKIES.get(self._get_name()))

    def set(self, request: HttpRequest, response: HttpResponseBase) -> None:
        """Set the mark for `seconds` from now."""
        response.set_cookie(
            self._get_name(),
            "1",
            max_age=self.seconds,
            path=settings.SESSION_COOKIE_PATH,
            domain=settings.SESSION_COOKIE_DOMAIN,
            secure=settings.SESSION_COOKIE_SECURE or request.is_secure(),
            httponly=True,
            samesite="Lax",
        )

    def _get_name(self) -> str:
        return f"{self.prefix}{settings.SESSION_COOKIE_NAME}"
