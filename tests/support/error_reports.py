"""Reports of an error as an operator sees them: Django's (also in emails) and Sentry's."""

import json
from typing import Any

import sentry_sdk
from django.http import HttpRequest
from django.views.debug import ExceptionReporter
from sentry_sdk.utils import event_from_exception


def report_of(error: BaseException, request: HttpRequest | None = None) -> str:
    """Return both reports of an error, from the first frame of django_cognito on: earlier frames contain all secrets.

    Without such a frame, the reports start after the frame of the test.
    """
    first: Any = error.__traceback__
    frames = [first]
    while frames[-1].tb_next is not None:
        frames.append(frames[-1].tb_next)
    package_frames = (frame for frame in frames if "django_cognito" in frame.tb_frame.f_code.co_filename)
    trace = error.__traceback__ = next(package_frames, first.tb_next)
    django = ExceptionReporter(request, type(error), error, trace).get_traceback_html()
    return f"{django}\n{_at_sentry(error)}"


def _at_sentry(error: BaseException) -> str:
    """Return what Sentry's client would send with its defaults, but without cutting long strings."""
    sent: list[str] = []

    def send(event: Any, _: Any) -> None:
        sent.append(json.dumps(event, default=repr))

    client = sentry_sdk.Client(
        "http://key@127.0.0.1/1", default_integrations=False, max_value_length=100_000, before_send=send
    )
    event, hint = event_from_exception(error, client_options=client.options)
    client.capture_event(event, hint, sentry_sdk.Scope())
    (report,) = sent
    return report
