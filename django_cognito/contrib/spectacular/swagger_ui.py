"""Swagger UI that signs in at the hosted UI, as the public app client DOCS_CLIENT_ID with PKCE.

Tokens stay in the browser's memory: must not depend on sessions.
"""

import json
from typing import Any, TypeVar

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.templatetags.static import static
from django.utils.html import format_html
from drf_spectacular.settings import spectacular_settings
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response

from ...conf.loading import get_pool_registry

_Response = TypeVar("_Response", bound=HttpResponseBase)
_SIDECAR = "drf_spectacular_sidecar/swagger-ui-dist"


class CognitoSwaggerView(SpectacularSwaggerSplitView):
    """The page of Swagger UI, and its script (`?script`): a Content-Security-Policy may forbid inline scripts.

    `oauth2_redirect` must be next to the page, at "oauth2-redirect.html". drf-spectacular's SWAGGER_UI_OAUTH2_CONFIG
    replaces keys of this view.
    """

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Return the page, or its script with the client id, the scopes and PKCE for the dialog "Authorize"."""
        response: Response = super().get(request, *args, **kwargs)
        settings = get_pool_registry().first
        config = {
            "clientId": settings.docs_client_id,
            "scopes": list(settings.scopes),
            "usePkceWithAuthorizationCodeGrant": True,
            # A pool binds the access token to the API that the authorization request names (RFC 8707).
            "additionalQueryStringParams": {"resource": settings.resource} if settings.resource else {},
        }
        response.data["oauth2_config"] = json.dumps({**config, **spectacular_settings.SWAGGER_UI_OAUTH2_CONFIG})
        # The script has a CSRF token: a page of another origin must not load it.
        response["Cross-Origin-Resource-Policy"] = "same-origin"
        return _allow_windows(response)

    @staticmethod
    def _swagger_ui_resource(filename: str) -> str:
        """Return the URL of the local file, whatever SWAGGER_UI_DIST is: a script of another site could read tokens."""
        return static(f"{_SIDECAR}/{filename}")

    @staticmethod
    def _swagger_ui_favicon() -> str:
        return static(f"{_SIDECAR}/favicon-32x32.png")


@login_not_required
def oauth2_redirect(request: HttpRequest) -> HttpResponse:
    """Return the page to which the hosted UI redirects. It passes the code to the window of Swagger UI and closes.

    Its URL is a callback URL of the app client.
    """
    script = static(f"{_SIDECAR}/oauth2-redirect.js")
    response = HttpResponse(format_html('<!doctype html><title>Sign-in</title><script src="{}"></script>', script))
    response["Cache-Control"] = "no-store"
    response["Referrer-Policy"] = "no-referrer"  # the URL has the code
    return _allow_windows(response)


def _allow_windows(response: _Response) -> _Response:
    """Return `response` with a header by which Swagger UI and the window of the sign-in can reach each other.

    Django's default, "same-origin", separates a window from another site's window that opened it.
    """
    response["Cross-Origin-Opener-Policy"] = "unsafe-none"
    return response
