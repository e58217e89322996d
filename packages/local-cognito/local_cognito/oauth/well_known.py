"""The two public documents of a pool: its JWKS and its discovery document. Does not depend on clients or users.

Source: AWS developer guide, "Verifying JSON web tokens"; OpenID Connect Discovery 4.
"""

from typing import Any

from flask import Blueprint, Response, jsonify

from ..errors import ServiceError
from ..user_pool_service import UserPoolService


def add_well_known(blueprint: Blueprint, service: UserPoolService) -> None:
    """Add the documents of every pool of `service` to `blueprint`; 404 for an unknown pool."""

    def jwks(pool_id: str) -> Response:
        return jsonify(service.jwks(pool_id))

    def discovery(pool_id: str) -> Response:
        service.jwks(pool_id)  # raises for an unknown pool
        return jsonify(discovery_document(service.issuer(pool_id), service.origin, pool_id))

    blueprint.add_url_rule("/<pool_id>/.well-known/jwks.json", view_func=jwks)
    blueprint.add_url_rule("/<pool_id>/.well-known/openid-configuration", view_func=discovery)

    def unknown_pool(error: ServiceError) -> tuple[Response, int]:
        return jsonify(code=error.code, message=error.message), 404

    blueprint.register_error_handler(ServiceError, unknown_pool)


def discovery_document(issuer: str, origin: str, pool_id: str) -> dict[str, Any]:
    """Return the discovery document of a pool: only what is implemented here, always with local URLs."""
    return {
        "issuer": issuer,
        "jwks_uri": f"{origin}/{pool_id}/.well-known/jwks.json",
        "authorization_endpoint": f"{origin}/oauth2/authorize",
        "token_endpoint": f"{origin}/oauth2/token",
        "userinfo_endpoint": f"{origin}/oauth2/userInfo",
        "revocation_endpoint": f"{origin}/oauth2/revoke",
        "end_session_endpoint": f"{origin}/logout",
        "response_types_supported": ["code"],
        "scopes_supported": ["openid", "email", "phone", "profile"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
    }
