"""A mixin for views that send requests to AWS: it shows an error page if AWS denies the request."""

from typing import Any

from django.contrib.auth.mixins import AccessMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from . import bucket
from .aws_errors import AWS_ERRORS, RETRY_AFTER_SECONDS, describe_aws_error


class AwsErrorMixin(AccessMixin):
    """Require an authenticated user and handle AWS errors. Make this the first base class of the view."""

    denied_reason = ""  # shown on the error page if AWS denies the request

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Return the response of the view, or the error page with the error code of AWS."""
        if not request.user.is_authenticated:
            return self.handle_no_permission()
        if not bucket.is_configured():
            return render(request, "files/not_configured.html", status=404)
        try:
            return super().dispatch(request, *args, **kwargs)
        except AWS_ERRORS as error:
            return self.render_aws_error(error)

    def render_aws_error(self, error: Exception) -> HttpResponse:
        """Return the error page for `error`."""
        info = describe_aws_error(error)
        context = {"aws_error": info, "denied_reason": self.denied_reason}
        response = render(self.request, "files/aws_error.html", context, status=info.status)
        if info.is_temporary:
            response["Retry-After"] = str(RETRY_AFTER_SECONDS)
        return response
