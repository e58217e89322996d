"""The Flask application of the local Cognito. It registers the routes and contains no logic of its own."""

import logging
from collections.abc import Mapping
from typing import Any, cast

from flask import Blueprint, Flask, Response, jsonify, request
from flask import Request as FlaskRequest
from flask_cors import CORS
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket
from moto.core.request import Request as MotoRequest
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler

from .api.operations import Operations
from .aws.services import Services
from .aws_json import read_target
from .errors import ServiceError
from .identity import operations as identity_operations
from .identity.operations import IdentityOperations
from .local_routes import local_routes
from .oauth import endpoints as oauth
from .pages import hosted_ui
from .pages.index_page import SeedPasswords
from .pages.rejections import Rejections
from .user_pool_service import UserPoolService
from .web_origins import LOOPBACK_ORIGIN, refuse_foreign_requests

log = logging.getLogger("local_cognito")


def make_app(
    service: UserPoolService, identities: IdentityOperations, services: Services, seed_passwords: SeedPasswords
) -> Flask:
    """Return the WSGI application of one local Cognito and of its AWS account."""
    app = Flask(__name__, static_folder=None)
    app.jinja_options = {"bytecode_cache": _COMPILED_TEMPLATES}
    app.request_class = _ApiRequest
    rejections = Rejections(service.now)
    app.before_request(lambda: refuse_foreign_requests(service.origin))
    app.before_request(service.rotate_due_secrets)
    # Before the routes: in a request to S3, every path may be a bucket's.
    app.before_request(lambda: services.answer(_request()))
    app.register_blueprint(_api_blueprint(Operations(service), identities))
    app.register_blueprint(hosted_ui.hosted_ui_blueprint(service, rejections, seed_passwords))
    app.register_blueprint(oauth.oauth_blueprint(service, rejections))
    app.register_blueprint(local_routes(service))
    app.register_error_handler(Exception, _error_response)
    return app


def _api_blueprint(operations: Operations, identities: IdentityOperations) -> Blueprint:
    """Return the AWS API at `POST /`. The index page at `GET /` is not part of it: it must not have CORS headers."""

    def api() -> Response:
        is_identity_pools = read_target(_request())[0] == identity_operations.SERVICE
        return (identities if is_identity_pools else operations).answer(_request())

    blueprint = Blueprint("api", __name__)
    blueprint.add_url_rule("/", view_func=api, methods=["POST"])
    # Pages call the AWS API, as amazon-cognito-identity-js does. Real Cognito allows every origin.
    CORS(blueprint, resources=r"^/$", origins=LOOPBACK_ORIGIN, expose_headers=["x-amzn-ErrorType", "x-amzn-RequestId"])
    return blueprint


class QuietHandler(WSGIRequestHandler):
    """Log one line per request: method, path, operation and status.

    Query strings contain codes and states: not logged.
    """

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log the request. A malformed request has none of these attributes."""
        headers: Mapping[str, str] = getattr(self, "headers", {})
        operation = headers.get("X-Amz-Target", "").rpartition(".")[2]
        operation_suffix = f" {operation}" if operation.isidentifier() else ""
        path = getattr(self, "path", "-").partition("?")[0]
        # An int's str, as code may be an HTTPStatus.
        status = int(code) if isinstance(code, int) else code
        log.info("%s %s%s %s", getattr(self, "command", None) or "-", path, operation_suffix, status)

    def log(self, type: str, message: str, *args: Any) -> None:
        """Write werkzeug's own messages to our log. They never contain a query string."""
        log.log(logging.getLevelNamesMapping().get(type.upper(), logging.INFO), message, *args)


class _CompiledTemplates(BytecodeCache):
    """The compiled templates of this process: a test suite that starts many local Cognitos compiles each page once."""

    def __init__(self) -> None:
        self._bytecode: dict[str, bytes] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Load the template, if it was compiled from the same source."""
        if bucket.key in self._bytecode:
            bucket.bytecode_from_string(self._bytecode[bucket.key])

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Store a compiled template."""
        self._bytecode[bucket.key] = bucket.bytecode_to_string()


_COMPILED_TEMPLATES = _CompiledTemplates()


class _ApiRequest(MotoRequest, FlaskRequest):
    """Flask's request with moto's interface, so that moto's operations accept it."""

    from_wsgi_server = True


def _request() -> MotoRequest:
    return cast("MotoRequest", request)


def _error_response(error: Exception) -> tuple[Response, int]:
    """Return any error as JSON, in the form of AWS: clients of the API cannot read HTML."""
    if isinstance(error, ServiceError):
        return jsonify(__type=error.code, message=error.message), 400
    if isinstance(error, HTTPException):
        return jsonify(__type=(error.name or "").replace(" ", ""), message=error.description or ""), error.code or 500
    log.exception("an operation failed", exc_info=error)
    return jsonify(__type="InternalErrorException", message=f"the local Cognito failed: {type(error).__name__}"), 500
