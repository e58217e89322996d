"""One Flask application for everything the local Cognito answers. Knows where things are, not what they do."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from flask import Flask, Response, jsonify, request
from flask import Request as FlaskRequest
from flask_cors import CORS
from moto.core.request import Request as MotoRequest
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler

from .api.operations import Operations
from .aws.services import Services
from .aws_json import target
from .identity import operations as identity_operations
from .identity.operations import IdentityOperations
from .local_routes import local_routes
from .oauth import endpoints as oauth
from .pages import hosted_ui
from .refusals import Refused
from .user_pool_service import Authority
from .web_origins import LOOPBACK_ORIGIN, refuse_foreign_requests

log = logging.getLogger("local_cognito")


def make_app(authority: Authority, identities: IdentityOperations, services: Services) -> Flask:
    """The WSGI application of one local Cognito, and of the AWS account beside it."""
    app = Flask(__name__, static_folder=None)
    app.request_class = _ApiRequest
    operations = Operations(authority)

    def api() -> Response:
        is_identity_pools = target(_request())[0] == identity_operations.SERVICE
        return (identities if is_identity_pools else operations).answer(_request())

    app.before_request(refuse_foreign_requests)
    # Before any path is looked at: to S3 every path is a bucket's.
    app.before_request(lambda: services.answer(_request()))
    app.add_url_rule("/", view_func=api, methods=["POST"])
    app.register_blueprint(hosted_ui.pages(authority))
    app.register_blueprint(oauth.endpoints(authority))
    app.register_blueprint(local_routes(authority))
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(HTTPException, _http_error)
    app.register_error_handler(Exception, _internal_error)
    # Pages call the AWS API, as amazon-cognito-identity-js does. Real Cognito allows every origin.
    CORS(app, resources=r"^/$", origins=LOOPBACK_ORIGIN, expose_headers=["x-amzn-ErrorType", "x-amzn-RequestId"])
    return app


class QuietHandler(WSGIRequestHandler):
    """One line a request: method, path, operation and status. Queries hold codes and states, so they stay out."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Write the line. A request too broken to be read has none of these attributes."""
        headers: Mapping[str, str] = getattr(self, "headers", {})
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
        named = f" {operation}" if operation.isidentifier() else ""
        path = getattr(self, "path", "-").partition("?")[0]
        # An int's str, as code may be an HTTPStatus.
        status = int(code) if isinstance(code, int) else code
        log.info("%s %s%s %s", getattr(self, "command", None) or "-", path, named, status)

    def log(self, type: str, message: str, *args: Any) -> None:
        """werkzeug's own lines: to our log, as they never hold a query."""
        log.log(logging.getLevelNamesMapping().get(type.upper(), logging.INFO), message, *args)


class _ApiRequest(MotoRequest, FlaskRequest):
    """moto's request, so that its operations can be handed the one that Flask has."""

    from_wsgi_server = True


def _request() -> MotoRequest:
    return cast("MotoRequest", request)


def _refused(error: Refused) -> tuple[Response, int]:
    return jsonify(__type=error.code, message=error.message), 400


def _http_error(error: HTTPException) -> tuple[Response, int]:
    return jsonify(__type=(error.name or "").replace(" ", ""), message=error.description or ""), error.code or 500


def _internal_error(error: Exception) -> tuple[Response, int]:
    """AWS's words for a fault of its own: a client must never be answered in HTML."""
    log.exception("an operation failed", exc_info=error)
    return jsonify(__type="InternalErrorException", message=f"the local Cognito failed: {type(error).__name__}"), 500
