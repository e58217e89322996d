"""What a sign-in asks of Cognito beyond what protects it: a provider, a prompt, a language. Pure."""

import re
from collections.abc import Mapping
from typing import Any

from ..conf.loading import CognitoSettings
from ..conf.schema import IdentityProvider
from ..core.errors import SignInError

# AWS developer guide, "Redirect and authorization endpoint": what each parameter may hold.
_PARAMETERS = {
    "identity_provider": re.compile(r"[^\s\x00-\x1f\x7f]{1,32}"),
    "idp_identifier": re.compile(r"[\w +=.@-]{1,40}"),
    "login_hint": re.compile(r"[^\x00-\x1f\x7f]{1,256}"),
    "lang": re.compile(r"[a-z]{2}(-[A-Z]{2})?"),
    "prompt": re.compile(r"none|(login|select_account|consent)( (login|select_account|consent))*"),
    "acr_values": re.compile(r"[\x21-\x7e]+( [\x21-\x7e]+)*"),
    "max_age": re.compile(r"\d{1,9}", re.ASCII),
}
_MAX_CHARS = 1_024


def read_authorize_params(query: Any, settings: CognitoSettings) -> dict[str, str]:
    """The parameters that a login's address passes on, from its query (a QueryDict): those above, and no other.

    A `login_hint` in a domain that one of IDENTITY_PROVIDERS names leads there, where no provider is asked for.

    Raises SignInError (code "invalid_parameter") for what Cognito would not take, for what stands twice, for two
    providers or one that is not among IDENTITY_PROVIDERS, and for `prompt=none` without SILENT_SIGN_IN.
    """
    asked = {name: _value(query.getlist(name), name) for name in _PARAMETERS if name in query}
    if asked.get("prompt") == "none" and not settings.silent_sign_in:
        raise _invalid("prompt")
    named = [name for name in ("identity_provider", "idp_identifier") if name in asked]
    if not named:
        return {**asked, **find_provider_params(asked.get("login_hint", ""), settings)}
    known = settings.identity_providers
    # Of two, one would be looked at here, and the other perhaps by Cognito.
    if len(named) > 1 or (known and not any(_is_it(each, asked) for each in known)):
        raise _invalid(named[0])
    return asked


def find_provider_params(address: str, settings: CognitoSettings) -> dict[str, str]:
    """What leads to the provider of an e-mail address's domain; nothing where none of IDENTITY_PROVIDERS has it."""
    domain = address.rpartition("@")[2].strip().lower() if "@" in address else None
    found = (each.authorize_params for each in settings.identity_providers if domain in each.domains)
    return next(found, {})


def _value(values: list[str], name: str) -> str:
    (value, *others) = values
    if others or len(value) > _MAX_CHARS or not _PARAMETERS[name].fullmatch(value):
        raise _invalid(name)
    return value


def _is_it(provider: IdentityProvider, asked: Mapping[str, str]) -> bool:
    return provider.authorize_params.items() <= asked.items()


def _invalid(name: str) -> SignInError:
    return SignInError(f"a login's parameter {name} is not one that is passed on", code="invalid_parameter")
