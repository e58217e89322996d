"""The parameters of an authorization request after its client and redirect URI: each check, and its explanation.

No I/O. Source: AWS developer guide, "Authorize endpoint"; RFC 6749 3.1 and 4.1; RFC 7636 4.3; OpenID Connect Core
3.1.2.1; RFC 8707 2.
"""

import re
from dataclasses import dataclass

from werkzeug.datastructures import MultiDict

from ..accounts.clients import OWN_PROVIDER, AppClient
from .explanations import Explanation, explain_flow, explain_names, shorten_value

Parameters = MultiDict[str, str]

# RFC 7636 4.2: the base64url text of a SHA-256 digest, without padding.
_S256_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
_SECONDS = re.compile(r"\d{1,9}", re.ASCII)
_RESPONSE_TYPES = frozenset({"code", "token"})
_PROMPTS = frozenset({"none", "login", "select_account", "consent"})
# AWS developer guide, "Resource binding": https, http to localhost, or a scheme of the app's own.
_RESOURCE = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*)://(?P<host>[^/?#:\s]+)[^#\s]*", re.ASCII)
_NEEDS_OPENID = frozenset({"email", "phone", "profile"})


@dataclass(frozen=True)
class Problem:
    """The OAuth error code that the app gets, and its explanation."""

    error: str
    explanation: Explanation


def find_problem(parameters: Parameters, client: AppClient) -> Problem | None:
    """Return the first problem of the request, or None."""
    explanation = _explain_malformed(parameters) or _explain_prompt(parameters) or _explain_resource(parameters)
    if explanation:
        return Problem("invalid_request", explanation)
    if parameters["response_type"] != "code" or "code" not in client.flows:
        unsupported = Explanation("response_type token is not supported.", "Send response_type=code.")
        is_code = parameters["response_type"] == "code"
        return Problem("unauthorized_client", explain_flow("code", client) if is_code else unsupported)
    if requested_provider(parameters, client) is None:
        return Problem("invalid_request", _explain_provider(parameters, client))
    if explanation := _explain_scope(parameters, client):
        return Problem("invalid_scope", explanation)
    return None


def requested_provider(parameters: Parameters, client: AppClient) -> str | None:
    """Return the name of the requested provider; empty if none is requested, None if the client does not have it."""
    if name := parameters.get("identity_provider"):
        is_known = client.has_own_users if name == OWN_PROVIDER else client.provider(name) is not None
        return name if is_known else None
    if identifier := parameters.get("idp_identifier"):
        provider = client.provider_of(identifier)
        return provider.name if provider else None
    return ""


def split_words(parameters: Parameters, name: str) -> tuple[str, ...]:
    """Return the space-separated words of a parameter in order, without duplicates."""
    return tuple(dict.fromkeys(parameters.get(name, "").split()))


def _explain_malformed(parameters: Parameters) -> Explanation | None:
    """Explain a repeated parameter, a missing or unknown response_type, or wrong PKCE parameters."""
    repeated = [name for name, values in parameters.lists() if len(values) != 1]
    if repeated:  # RFC 6749 3.1
        return Explanation(f"The parameter {shorten_value(repeated[0])} is repeated.", "Send each parameter once.")
    response_type = parameters.get("response_type")
    if response_type not in _RESPONSE_TYPES:
        problem = (
            f"response_type {shorten_value(response_type)} is unknown."
            if response_type
            else "response_type is missing."
        )
        return Explanation(problem, "Send response_type=code.")
    return _explain_pkce(parameters)


def _explain_pkce(parameters: Parameters) -> Explanation | None:
    """Explain PKCE parameters that are not absent, nor S256 with a challenge (RFC 7636 4.3)."""
    challenge, method = parameters.get("code_challenge"), parameters.get("code_challenge_method")
    if challenge is None and method is None:
        return None
    if challenge is None:
        return Explanation("code_challenge_method was sent without code_challenge.", "Send both for PKCE, or neither.")
    if method != "S256":
        problem = (
            f"code_challenge_method is {shorten_value(method)}." if method else "code_challenge_method is missing."
        )
        return Explanation(problem, "Send code_challenge_method=S256, the only method that Cognito supports.")
    if not _S256_CHALLENGE.fullmatch(challenge):
        return Explanation(
            f"code_challenge has {len(challenge)} characters or characters that are not base64url.",
            "Send the SHA-256 digest of the code_verifier in base64url without padding: 43 characters.",
        )
    return None


def _explain_prompt(parameters: Parameters) -> Explanation | None:
    prompts = frozenset(split_words(parameters, "prompt"))
    if prompts - _PROMPTS or ("none" in prompts and len(prompts) > 1):  # OpenID Connect Core 3.1.2.1
        return Explanation(
            f"prompt {shorten_value(parameters['prompt'])} is invalid.",
            f"Send words of: {', '.join(sorted(_PROMPTS))}; none alone.",
        )
    if "max_age" in parameters and not _SECONDS.fullmatch(parameters["max_age"]):
        return Explanation(
            f"max_age {shorten_value(parameters['max_age'])} is no number of seconds.", "Send digits only."
        )
    return None


def _explain_resource(parameters: Parameters) -> Explanation | None:
    """Explain a resource that is not a URL without a fragment (RFC 8707 2). Cognito's error is not documented."""
    resource = parameters.get("resource")
    if not resource:
        return None
    match = _RESOURCE.fullmatch(resource)
    if match is not None and (match["scheme"] != "http" or match["host"] == "localhost"):
        return None
    return Explanation(
        f"resource {shorten_value(resource)} is not a valid resource.",
        "Send one URL without a fragment: https, http to localhost, or a scheme of the app's own.",
    )


def _explain_provider(parameters: Parameters, client: AppClient) -> Explanation:
    allowed = ((OWN_PROVIDER,) if client.has_own_users else ()) + tuple(provider.name for provider in client.providers)
    if name := parameters.get("identity_provider"):
        return explain_names("identity_provider", [name], "identity_providers", client, allowed)
    identifiers = tuple(name for provider in client.providers for name in provider.identifiers)
    identifier = shorten_value(parameters["idp_identifier"])
    return Explanation(
        f"idp_identifier {identifier} belongs to no provider of the app client {client.id}.",
        "Add it to idp_identifiers of an identity provider, and the provider to the app client, in the seed.",
        registered=identifiers or ("none",),
    )


def _explain_scope(parameters: Parameters, client: AppClient) -> Explanation | None:
    scopes = split_words(parameters, "scope")
    if refused := [scope for scope in scopes if scope not in client.scopes]:
        return explain_names("scope", refused, "scopes", client, client.scopes)
    if _NEEDS_OPENID & frozenset(scopes) and "openid" not in scopes:
        return Explanation(
            f"The scopes {', '.join(scopes)} were requested without openid.",
            "Add openid: email, phone and profile are scopes of OpenID Connect.",
        )
    return None
