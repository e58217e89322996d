"""Explanations of rejected requests for the developer: the problem, what is registered, what to change in the seed.

No I/O. An explanation contains no secret: of a request, only the parameters of `_SHOWN_PARAMETERS`.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..accounts.clients import AppClient

# Not state, nonce, login_hint and code: they are secrets or personal data.
_SHOWN_PARAMETERS = (
    *("response_type", "client_id", "redirect_uri", "logout_uri", "scope", "identity_provider", "idp_identifier"),
    *("code_challenge_method", "prompt", "max_age", "resource", "acr_values", "grant_type"),
)
_VALUE_MOST_CHARACTERS = 300


@dataclass(frozen=True)
class Explanation:
    """Why a request was rejected. `registered` are the accepted values, `seed_line` is the line to add to the seed."""

    problem: str
    remedy: str = ""
    registered: tuple[str, ...] = ()
    registered_label: str = "Registered"
    seed_line: str = ""

    def __str__(self) -> str:
        registered = f" {self.registered_label}: {', '.join(self.registered)}." if self.registered else ""
        text = f"{self.problem}{registered} {self.remedy}".strip()
        # It contains values of the request: no value may contain terminal control characters.
        return "".join(character if character.isprintable() else "?" for character in text)


def shown_parameters(parameters: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the parameters of the request that a page may show, with shortened values."""
    return [(name, shorten_value(parameters[name])) for name in _SHOWN_PARAMETERS if parameters.get(name)]


def shorten_value(value: str) -> str:
    """Return at most 300 characters of a value of the request."""
    return value if len(value) <= _VALUE_MOST_CHARACTERS else f"{value[:_VALUE_MOST_CHARACTERS]}…"


def explain_unknown_client(client_id: str, clients: Sequence[AppClient]) -> Explanation:
    """Return the explanation for a client id that no pool has; `clients` are those of all pools."""
    return Explanation(
        problem=f"client_id {shorten_value(client_id) or '(empty)'} is not an app client of this local Cognito.",
        registered=tuple(f"{client.id} ({client.name}, {client.pool_id})" for client in clients),
        registered_label="App clients",
        remedy="Set CLIENT_ID of the app to one of these, or add the client to clients of the pool in the seed.",
        seed_line=f"- {{id: {_quote(shorten_value(client_id))}}}",
    )


def explain_redirect_uri(redirect_uri: str, client: AppClient) -> Explanation:
    """Return the explanation for a redirect URI that is not registered. URIs are compared character by character."""
    return _explain_url("redirect_uri", redirect_uri, "callback_urls", client, client.callback_urls)


def explain_logout_uri(logout_uri: str, client: AppClient) -> Explanation:
    """Return the explanation for a sign-out URL that is not registered."""
    return _explain_url("logout_uri", logout_uri, "logout_urls", client, client.logout_urls)


def explain_names(
    parameter: str, names: Sequence[str], key: str, client: AppClient, registered: tuple[str, ...]
) -> Explanation:
    """Return the explanation for names (scopes, providers) that the client does not have under `key` of the seed."""
    sent = ", ".join(map(shorten_value, names))
    return Explanation(
        problem=f"{parameter} {sent} is not allowed for the app client {client.id}.",
        registered=registered,
        registered_label="Allowed",
        remedy=f"Add it to {key} of the app client in the seed.",
        seed_line=_seed_list(key, (*registered, *map(shorten_value, names))),
    )


def explain_flow(flow: str, client: AppClient) -> Explanation:
    """Return the explanation for a flow that the client does not allow. client_credentials also needs a secret."""
    needs_secret = flow == "client_credentials" and client.secret is None
    return Explanation(
        f"The app client {client.id} does not allow the flow {flow}{', as it has no secret' if needs_secret else ''}.",
        "Set flows of the app client in the seed.",
        registered=client.flows or ("none",),
        registered_label="Allowed flows",
        seed_line=f"flows: [{flow}]",
    )


def _explain_url(parameter: str, url: str, key: str, client: AppClient, registered: tuple[str, ...]) -> Explanation:
    return Explanation(
        problem=f"{parameter} {shorten_value(url)} is not registered for the app client {client.id}.",
        registered=registered or ("none",),
        remedy=f"Add it to {key} of the app client in the seed, exactly as the app sends it.",
        seed_line=_seed_list(key, (*registered, shorten_value(url))),
    )


def _seed_list(key: str, values: Sequence[str]) -> str:
    return f"{key}: [{', '.join(map(_quote, values))}]"


def _quote(value: str) -> str:
    """Return the value as a string of JSON, which is also YAML."""
    return json.dumps(value, ensure_ascii=False)
