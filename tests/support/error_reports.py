"""What is shown of an error to whoever runs a site: Django's report, which e-mails have too, and Sentry's."""

import json
from typing import Any

import sentry_sdk
from django.http import HttpRequest
from django.views.debug import ExceptionReporter
from sentry_sdk.utils import event_from_exception


def report_of(error: BaseException, request: HttpRequest | None = None) -> str:
    """Both reports of an error that a test caught, from the first frame of ours on: those before know all secrets.

    Of an error without a frame of ours, from the first on that is not the test's.
    """
    first: Any = error.__traceback__
    frames = [first]
    while frames[-1].tb_next is not None:
        frames.append(frames[-1].tb_next)
    ours = (each for each in frames if "django_cognito" in each.tb_frame.f_code.co_filename)
    trace = error.__traceback__ = next(ours, first.tb_next)
    django = ExceptionReporter(request, type(error), error, trace).get_traceback_html()
    return f"{django}\n{_at_sentry(error)}"


def _at_sentry(error: BaseException) -> str:
    """What Sentry's client would send, as it is by default but for strings, which it would cut."""
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
