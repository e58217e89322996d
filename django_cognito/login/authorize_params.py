"""The optional parameters of the login URL: provider, prompt, language, "remember me". No I/O."""

import re
from typing import Any

from django.http import HttpRequest
from django.utils.translation import get_language

from ..conf.schema import CognitoSettings
from ..core.errors import SignInError

# AWS developer guide, "Redirect and authorization endpoint": the values of each parameter.
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
# AWS developer guide, "Managed login localization", by Django's name of the language.
_LANGUAGES = {
    **dict.fromkeys(("pt", "pt-br"), "pt-BR"),
    **dict.fromkeys(("zh-hans", "zh-cn", "zh-sg"), "zh-CN"),
    **dict.fromkeys(("zh-hant", "zh-tw", "zh-hk"), "zh-TW"),
    **{name: name for name in ("de", "en", "es", "fr", "id", "it", "ja", "ko")},
}


def read_authorize_params(query: Any, settings: CognitoSettings) -> dict[str, str]:
    """Return the parameters of the login URL's query (a QueryDict) that are sent to Cognito.

    Without a provider, the domain of `login_hint` selects one of IDENTITY_PROVIDERS.

    Raises SignInError (code "invalid_parameter") for an invalid or repeated value, for two providers or one
    that is not in IDENTITY_PROVIDERS, and for `prompt=none` without SILENT_SIGN_IN.
    """
    authorize_params: dict[str, str] = {}
    for name, pattern in _PARAMETERS.items():
        if name in query:
            value, *others = query.getlist(name)
            if others or len(value) > _MAX_CHARS or not pattern.fullmatch(value):
                raise _invalid(name)
            authorize_params[name] = value
    if authorize_params.get("prompt") == "none" and not settings.silent_sign_in:
        raise _invalid("prompt")
    provider_params = [name for name in ("identity_provider", "idp_identifier") if name in authorize_params]
    if not provider_params:
        return {**authorize_params, **find_provider_params(authorize_params.get("login_hint", ""), settings)}
    accepted = [item.authorize_params.items() for item in settings.identity_providers]
    # With two providers, this check could accept one while Cognito uses the other.
    if len(provider_params) > 1 or (accepted and not any(items <= authorize_params.items() for items in accepted)):
        raise _invalid(provider_params[0])
    return authorize_params


def chooses_to_be_remembered(request: HttpRequest) -> bool:
    """Return whether the user of the login URL chose a session that outlives the browser: `remember=1`.

    Only pages of this site or its subdomains can choose: a link of another site is no choice of the user. Browsers
    that do not send Sec-Fetch-Site, and sites without HTTPS, have sessions that end with the browser.
    """
    is_own_page = request.headers.get("Sec-Fetch-Site") in ("same-origin", "same-site")
    return is_own_page and request.GET.get("remember") == "1"


def get_language_params() -> dict[str, str]:
    """Return the parameter for the active language; empty if Cognito's pages do not support it."""
    language = (get_language() or "").lower()
    names = (language, language.rpartition("-")[0], language.partition("-")[0])
    value = next((_LANGUAGES[name] for name in names if name in _LANGUAGES), None)
    return {} if value is None else {"lang": value}


def find_provider_params(address: str, settings: CognitoSettings) -> dict[str, str]:
    """Return the parameters of the provider for an email address's domain; empty if IDENTITY_PROVIDERS has none."""
    domain = address.rpartition("@")[2].strip().lower() if "@" in address else None
    matches = (item.authorize_params for item in settings.identity_providers if domain in item.domains)
    return next(matches, {})


def _invalid(name: str) -> SignInError:
    return SignInError(
        f"the login URL has an invalid or repeated parameter {name}, or one that the settings do not allow",
        code="invalid_parameter",
    )
