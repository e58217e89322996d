"""What every page that asks AWS for something shares: a page that explains it, where AWS says no."""

from typing import Any

from django.contrib.auth.mixins import AccessMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from . import bucket
from .refusals import EXPLAINED, RETRY_AFTER_SECONDS, explain


class AsksAws(AccessMixin):
    """For people who are signed in. The first of a view's base classes."""

    why = ""  # what a refusal has to do with this page

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """The view's answer, or the refusal in plain words, with AWS's code."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not bucket.is_configured():
            return render(request, "files/not_configured.html", status=404)
        try:
            return super().dispatch(request, *args, **kwargs)
        except EXPLAINED as error:
            return self.refused(error)

    def refused(self, error: Exception) -> HttpResponse:
        """The page that explains `error`."""
        refusal = explain(error)
        answer = render(
            self.request, "files/refused.html", {"refusal": refusal, "why": self.why}, status=refusal.status
        )
        if refusal.may_pass:
            answer["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return answer
