"""Routes of the local Cognito that AWS does not have, below `/_local/`. They contain no rules of their own."""

from typing import Any

from flask import Blueprint, Response, jsonify, request

from .errors import ServiceError
from .user_pool_service import UserPoolService

_UNKNOWN = "ResourceNotFoundException"
_INVALID = "InvalidParameterException"
_SECRET_FIELDS = {"secret", "keep_former_seconds"}


def local_routes(service: UserPoolService) -> Blueprint:
    """Return the routes that control `service`."""

    def replace_client_secret(client_id: str) -> Response:
        secret, seconds = _read_replacement()
        service.replace_client_secret(client_id, secret, keep_former_seconds=seconds)
        return jsonify({})

    def set_faults(operation: str) -> Response:
        service.faults.set(operation, _read_body())
        return jsonify({})

    def error_response(error: ServiceError) -> tuple[Response, int]:
        status = 404 if error.code == _UNKNOWN else 400
        return jsonify(__type=error.code, message=error.message), status

    blueprint = Blueprint("local", __name__, url_prefix="/_local")
    blueprint.add_url_rule("/clients/<client_id>/secret", view_func=replace_client_secret, methods=["POST"])
    blueprint.add_url_rule("/operations/<operation>/faults", view_func=set_faults, methods=["POST"])
    blueprint.register_error_handler(ServiceError, error_response)
    return blueprint


def _read_replacement() -> tuple[str, float]:
    """Return the new secret and how long the previous one stays valid, in seconds. Raises ServiceError."""
    body = _read_body()
    if unknown := sorted(set(body) - _SECRET_FIELDS):
        raise ServiceError(_INVALID, f"Unknown field {unknown[0]!r}; expected: {', '.join(sorted(_SECRET_FIELDS))}")
    secret, seconds = body.get("secret"), body.get("keep_former_seconds", 0)
    if not isinstance(secret, str):
        raise ServiceError(_INVALID, "secret must be a string")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise ServiceError(_INVALID, "keep_former_seconds must be a number of seconds")
    return secret, seconds


def _read_body() -> dict[str, Any]:
    """Return the JSON object in the body. Raises ServiceError.

    The content type must be JSON: a web page cannot send it to another origin without a CORS preflight.
    """
    if request.mimetype != "application/json":
        raise ServiceError(_INVALID, f"Content-Type must be application/json, not {request.mimetype or 'empty'}")
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise ServiceError(_INVALID, "The body must be a JSON object")
    return body
