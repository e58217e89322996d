"""The views of datasets, as JSON: for a session with CSRF check, or a bearer token that CognitoMiddleware verified.

A user reaches the user's own datasets only: every query has the user's primary key.
"""

import logging
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers
from django.utils.decorators import decorator_from_middleware
from django.utils.http import parse_etags
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from ..conf.loading import get_settings
from ..core.tracebacks import clear_frame_locals
from ..login.sign_out_page import without_transaction
from ..web.bearer import get_vary_headers
from ..web.error_catalogue import CATALOGUE
from ..web.responses import ErrorResponse, forbidden_response, json_response, not_authenticated
from . import reading, writing
from .access import is_owner
from .changes import parse_count, parse_request, require_name
from .errors import DatasetError

_log = logging.getLogger(__name__)
_View = Callable[..., HttpResponse]
_JSON = "application/json"


class CsrfCheck(CsrfViewMiddleware):
    """Django's CSRF check with an error response that a script can read."""

    def _reject(self, request: HttpRequest, reason: str) -> HttpResponse:
        _log.warning("a write without a valid CSRF token was refused: %s", reason)
        return json_response(forbidden_response("csrf_failed"))


def _user_view(view: _View) -> _View:
    """Call `view` for a user who has an account; otherwise return 401, or 403 for a machine-to-machine client.

    A DatasetError becomes its response.
    """

    view = clear_frame_locals(view)

    @wraps(view)
    def checked(request: HttpRequest, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return json_response(not_authenticated(request))
        if not is_owner(request):
            return json_response(forbidden_response("user_required"))
        # A page of a former user, after another one signed in elsewhere in the browser: the cookie is the new user's.
        user_id = str(request.user.pk)
        if request.headers.get("X-Dataset-User", user_id) != user_id:
            return json_response(forbidden_response("other_user"))
        try:
            response = view(request, **kwargs)
        except DatasetError as error:
            if error.code == "not_authenticated":
                return json_response(not_authenticated(request))
            entry = CATALOGUE[error.code]
            headers = {"Retry-After": str(error.retry_after)} if error.retry_after else {}
            return json_response(ErrorResponse(entry.statuses[0], error.code, entry.sentence, headers))
        patch_vary_headers(response, get_vary_headers())
        return response

    return checked


@require_safe
@login_not_required
@_user_view
def list_datasets(request: HttpRequest) -> HttpResponse:
    """Return the datasets of the user without their records."""
    datasets = [
        {
            "name": row.name,
            "sync_count": row.sync_count,
            "records": row.record_count,
            "bytes": row.byte_count,
            "modified_at": row.modified_at.isoformat(),
        }
        for row in reading.list_datasets(request.user)
    ]
    return _let_revalidate(JsonResponse({"datasets": datasets}))


@without_transaction
@csrf_exempt  # of Django's middleware alone: CsrfCheck makes the same check
@require_http_methods(["GET", "HEAD", "POST", "DELETE"])
@login_not_required
@decorator_from_middleware(CsrfCheck)
@_user_view
def use_dataset(request: HttpRequest, name: str) -> HttpResponse:
    """Return a page of records, write records, or delete all records of a dataset."""
    require_name(name)
    if request.method == "POST":
        answer = writing.write_records(request.user, name, parse_request(_read_body(request), get_settings()))
        return _set_cache_control(HttpResponse(answer, content_type=_JSON), "no-store")
    if request.method == "DELETE":
        writing.delete_records(request.user, name)
        return _set_cache_control(HttpResponse(status=204), "no-store")
    return _respond_with_page(request, name)


def _respond_with_page(request: HttpRequest, name: str) -> HttpResponse:
    """Return the records after `since`; 304 without reading them if the client has the current count."""
    since, start = (parse_count(request.GET[key]) if key in request.GET else None for key in ("since", "start"))
    if (header := request.headers.get("If-None-Match")) is not None:
        etag = reading.read_version(request.user, name).etag
        if etag and etag in [tag.removeprefix("W/") for tag in parse_etags(header)]:
            return _let_revalidate(HttpResponseNotModified(), etag)
    page = reading.read_page(request.user, name, since or 0, start)
    body = {
        "name": name,
        "id": page.version.id and page.version.id.hex,
        "sync_count": page.version.sync_count,
        "records": [reading.render_record(record) for record in page.records],
        "more": page.has_more,
        "next_since": page.next_since,
        "start": page.start,
    }
    return _let_revalidate(JsonResponse(body), page.version.etag)


def _read_body(request: HttpRequest) -> bytes:
    """Return the body of a write. Raises DatasetError."""
    limit = 2 * get_settings().datasets_max_bytes
    if request.content_type != _JSON:
        raise DatasetError("the content type is not application/json", code="body_invalid")
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) <= limit and len(request.body) <= limit:
            return request.body
    except RequestDataTooBig:  # DATA_UPLOAD_MAX_MEMORY_SIZE is lower
        pass
    raise DatasetError("the body has more than twice DATASETS_MAX_BYTES", code="request_too_large")


def _let_revalidate(response: HttpResponse, etag: str = "") -> HttpResponse:
    if etag:
        response["ETag"] = etag
    return _set_cache_control(response, "private, no-cache")


def _set_cache_control(response: HttpResponse, value: str) -> HttpResponse:
    response["Cache-Control"] = value
    return response
