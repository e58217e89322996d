"""The OpenAPI security schemes of `CognitoAuthentication`, with the scopes that `HasScope` requires.

drf-spectacular finds the extension when this module is imported, which `ready()` does: it must not import views. With
several pools, the schemes are those of the first alias of POOLS.
"""

from typing import Any

from drf_spectacular.drainage import set_override
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.plumbing import ResolvedComponent, get_class

from ...conf.loading import get_pool_registry
from ...drf.schema import get_scope_alternatives

BEARER = "cognitoBearer"
OAUTH2 = "cognitoOAuth2"


class CognitoScheme(OpenApiAuthenticationExtension):
    """A bearer token; with DOMAIN, also a sign-in at the hosted UI (authorization code)."""

    target_class = "django_cognito.drf.CognitoAuthentication"
    match_subclasses = True

    def __init__(self, target: Any) -> None:
        super().__init__(target)
        self._settings = get_pool_registry().first
        # A subclass of the site has the same schemes; drf-spectacular would warn about equal names of two classes.
        set_override(get_class(target), "suppress_collision_warning", True)
        self.name = [BEARER, OAUTH2] if self._settings.domain else [BEARER]

    def get_security_requirement(self, auto_schema: Any) -> list[dict[str, list[Any]]]:
        """Return the alternatives: a bearer token, or a sign-in with the scopes that the view's permissions require."""
        if not self._settings.domain:
            return [{BEARER: []}]
        alternatives = get_scope_alternatives(auto_schema.view.get_permissions())
        return [{BEARER: []}, *({OAUTH2: list(scopes)} for scopes in alternatives)]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, Any]]:
        """Return the definitions of the schemes in `name`."""
        bearer = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
        if not self._settings.domain:
            return [bearer]
        return [bearer, self._get_oauth2_definition(auto_schema)]

    def _get_oauth2_definition(self, auto_schema: Any) -> dict[str, Any]:
        """Return the definition of the OAuth2 scheme, which lists the scopes of SCOPES and of all views so far.

        drf-spectacular registers the first definition of a schema: that one gets the scopes of later views.
        """
        alternatives = get_scope_alternatives(auto_schema.view.get_permissions())
        scopes = dict.fromkeys((*self._settings.scopes, *(scope for names in alternatives for scope in names)), "")
        component = ResolvedComponent(OAUTH2, ResolvedComponent.SECURITY_SCHEMA, object=get_class(self.target))
        if component in auto_schema.registry:
            definition: dict[str, Any] = auto_schema.registry[component].schema
            definition["flows"]["authorizationCode"]["scopes"].update(scopes)
            return definition
        endpoint = f"{self._settings.user_pool.domain}/oauth2"
        urls = {"authorizationUrl": f"{endpoint}/authorize", "tokenUrl": f"{endpoint}/token"}
        definition = {"type": "oauth2", "flows": {"authorizationCode": {**urls, "scopes": scopes}}}
        if self._settings.token_use == "id":
            definition["x-tokenName"] = "id_token"  # of Swagger UI: the token that it sends to the API
        return definition
