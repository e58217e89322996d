"""The name of the site, for the package's pages. Must not depend on `COGNITO`."""

from django.contrib.sites.shortcuts import get_current_site
from django.core.exceptions import ImproperlyConfigured, ObjectDoesNotExist
from django.db import Error
from django.http import HttpRequest


def get_site_name(request: HttpRequest) -> str:
    """Return the name of the current site of `django.contrib.sites`; without it, the host of `request`.

    The first call of a process queries the database if `django.contrib.sites` is installed. If the database does not
    respond, the host is returned: the page of an outage calls this too.
    """
    try:
        return str(get_current_site(request).name)
    except (ObjectDoesNotExist, ImproperlyConfigured, Error):  # the site has no row, or it cannot be read
        return request.get_host()
