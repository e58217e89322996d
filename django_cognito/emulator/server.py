"""One Flask application for everything the local Cognito answers. Knows where things are, not what they do."""

import logging
from typing import Any

from flask import Flask, Response, jsonify, request
from flask_cors import CORS
from moto.core.request import Request as MotoRequest
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler
from werkzeug.wrappers import Response as WerkzeugResponse

from . import hosted_ui, oauth
from .authority import Authority
from .operations import Operations
from .refusals import Refused

log = logging.getLogger("django_cognito.emulator")

# AWS developer guide, "User pool endpoints": `Access-Control-Allow-Origin: *` on these, and on the AWS API.
_FOR_ANY_ORIGIN = (r"/", r"/oauth2/(token|revoke|userInfo)", r"/[^/]+/\.well-known/.*")


def make_app(authority: Authority) -> Flask:
    """The WSGI application of one local Cognito."""
    app = Flask(__name__, static_folder=None)
    app.request_class = _ApiRequest
    operations = Operations(authority)
    app.add_url_rule("/", view_func=lambda: operations.answer(request), methods=["POST"], endpoint="api")
    app.add_url_rule("/<pool_id>/.well-known/jwks.json", view_func=lambda pool_id: authority.jwks(pool_id))
    app.add_url_rule(
        "/<pool_id>/.well-known/openid-configuration",
        view_func=lambda pool_id: discovery_document(authority, pool_id),
        endpoint="discovery",
    )
    app.register_blueprint(hosted_ui.pages(authority))
    app.register_blueprint(oauth.endpoints(authority))
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)
    CORS(app, resources=_FOR_ANY_ORIGIN, expose_headers=["x-amzn-ErrorType", "x-amzn-RequestId"])
    return app


def discovery_document(authority: Authority, pool_id: str) -> dict[str, Any]:
    """The pool's OpenID Connect discovery document. Raises Refused for an unknown pool."""
    authority.jwks(pool_id)
    origin = authority.origin
    return {
        "authorization_endpoint": f"{origin}/oauth2/authorize",
        "end_session_endpoint": f"{origin}/logout",
        "id_token_signing_alg_values_supported": ["RS256"],
        "issuer": authority.issuer(pool_id),
        "jwks_uri": f"{origin}/{pool_id}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "revocation_endpoint": f"{origin}/oauth2/revoke",
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "token_endpoint": f"{origin}/oauth2/token",
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "userinfo_endpoint": f"{origin}/oauth2/userInfo",
    }


class QuietHandler(WSGIRequestHandler):
    """One line a request: method, path and status. Queries hold codes and states, so they stay out."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write the line."""
        path = getattr(self, "path", "-").partition("?")[0]
        log.info("%s %s %s", getattr(self, "command", "-"), path, int(code) if isinstance(code, int) else code)

    def log(self, type: str, message: str, *args: Any) -> None:
        """werkzeug's own lines: to our log, as they never hold a query."""
        log.log(logging.getLevelNamesMapping().get(type.upper(), logging.INFO), message, *args)


class _ApiRequest(MotoRequest):
    """moto's request, so that its operations can be handed the one that Flask has."""

    from_wsgi_server = True


def _refused(error: Refused) -> tuple[Response, int]:
    return jsonify(__type=error.code, message=error.message), 400


def _http_error(error: HTTPException) -> tuple[Response, int] | WerkzeugResponse:
    if error.response is not None:
        return error.response
    return jsonify(__type=(error.name or "").replace(" ", ""), message=error.description or ""), error.code or 500


def _internal_error(error: Exception) -> tuple[Response, int]:
    """AWS's words for a fault of its own: a client must never be answered in HTML."""
    log.exception("an operation failed", exc_info=error)
    return jsonify(__type="InternalErrorException", message=f"the local Cognito failed: {type(error).__name__}"), 500
