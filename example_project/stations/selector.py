"""Select the tenant of a request. COGNITO["TENANT"] names this function, so this module must not import models."""

import re
from collections.abc import Sequence

from django.http import HttpRequest

_STATION_PATH = re.compile(r"/stations/([^/]+)/")


def select_station(request: HttpRequest, stations: Sequence[str]) -> str | None:
    """Return the station of the URL, for example "heath" for `/stations/heath/new/`. Other pages have no station.

    django_cognito ignores a station that is not one of the user's `stations`.
    """
    match = _STATION_PATH.match(request.path_info)
    return match[1] if match else None
