"""Checks of settings of `COGNITO` against each other: a setting without effect because of another one."""

from collections.abc import Iterator

from django.contrib.auth import get_user_model
from django.core import checks

from ..conf.pool_registry import PoolRegistry
from ..conf.schema import COGNITO_GROUPS, CognitoSettings
from . import site_parts

# The scope that a claim of an ID token needs, if a login requests other scopes besides `openid`.
# Source: AWS developer guide, "Scopes, M2M, and resource servers".
_SCOPES_OF_CLAIMS = {
    **dict.fromkeys(("email", "email_verified"), "email"),
    **dict.fromkeys(("phone_number", "phone_number_verified"), "phone"),
    **dict.fromkeys(("name", "family_name", "given_name", "middle_name", "nickname", "preferred_username"), "profile"),
    **dict.fromkeys(("profile", "picture", "website", "gender", "birthdate", "zoneinfo", "locale"), "profile"),
}


def check_combinations(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Yield a warning for each setting that another one makes useless."""
    for sentence, hint in dict.fromkeys(
        item for alias in registry.by_alias.values() for item in (*_find_useless(alias), *_find_useless_login(alias))
    ):
        yield checks.Warning(f"COGNITO: {sentence}.", hint=hint, id="django_cognito.W132")
    for alias in registry.by_alias.values():
        yield from _check_scopes(alias)


def _find_useless(alias: CognitoSettings) -> Iterator[tuple[str, str]]:
    """Yield a sentence and a hint for each setting of API requests or users that cannot have an effect."""
    is_id_only = alias.token_use == "id"
    if is_id_only and alias.scopes_to_permissions:
        sentence = "SCOPES_TO_PERMISSIONS has no effect, because TOKEN_USE 'id' rejects machine-to-machine tokens"
        yield sentence, "Set TOKEN_USE to 'access', or remove SCOPES_TO_PERMISSIONS."
    if is_id_only and alias.resource:
        sentence = "RESOURCE is not compared on API requests, because TOKEN_USE is 'id' and ID tokens name no resource"
        yield sentence, "Set TOKEN_USE to 'access', or remove RESOURCE."
    if alias.user_cache_seconds and not alias.token_cache_size:
        sentence = "USER_CACHE_SECONDS has no effect, because TOKEN_CACHE_SIZE is 0 and only users of cached tokens are"
        yield f"{sentence} cached", "Set TOKEN_CACHE_SIZE, or remove USER_CACHE_SECONDS."
    model = get_user_model()
    field_names = {field.name for field in model._meta.concrete_fields}
    if alias.link_by_verified_email and model.get_email_field_name() not in field_names:
        sentence = f"LINK_BY_VERIFIED_EMAIL has no effect, because {model._meta.label} has no email field"
        yield sentence, "Set EMAIL_FIELD of the user model, or remove LINK_BY_VERIFIED_EMAIL."


def _find_useless_login(alias: CognitoSettings) -> Iterator[tuple[str, str]]:
    """Yield a sentence and a hint for each setting of logins that cannot have an effect."""
    if alias.admin_local_password and not site_parts.has_password_backend():
        sentence = "ADMIN_LOCAL_PASSWORD has no effect, because no backend of AUTHENTICATION_BACKENDS accepts passwords"
        yield sentence, f"Add {site_parts.MODEL_BACKEND!r} to AUTHENTICATION_BACKENDS."
    domains = [domain for provider in alias.identity_providers for domain in provider.domains]
    for domain in sorted({domain for domain in domains if domains.count(domain) > 1}):
        sentence = f"IDENTITY_PROVIDERS lists the domain {domain!r} twice, and only the first provider is used for it"
        yield sentence, "Remove it from one of the providers."
    if alias.domain and site_parts.find_callback_path() is not None:
        return
    if alias.profile_source == "userinfo" and alias.attributes:
        sentence = "ATTRIBUTES has no effect: PROFILE_SOURCE 'userinfo' is read at a login, and none is installed"
        yield sentence, "Set PROFILE_SOURCE to 'id_token', or set DOMAIN and include django_cognito.urls."
    for key in ("IDENTITY_PROVIDERS", "SILENT_SIGN_IN"):
        if getattr(alias, key.lower()):
            sentence = f"{key} has no effect, because no login is installed"
            yield sentence, f"Set DOMAIN and include django_cognito.urls, or remove {key}."


def _check_scopes(alias: CognitoSettings) -> Iterator[checks.CheckMessage]:
    """Check that the ID tokens of a login have the claims that the settings read."""
    # With `openid` alone, an ID token has all attributes; with more of these scopes, only theirs.
    if not alias.domain or {"email", "phone", "profile"}.isdisjoint(alias.scopes):
        return
    sources = {name: source for name, source in alias.attributes.items() if isinstance(source, str)}
    # Of a dotted path, the claim is the first part.
    claims = {source.partition(".")[0]: f"ATTRIBUTES[{name!r}]" for name, source in sources.items()}
    claims |= {
        alias.username: "USERNAME",
        **({"email": "LINK_BY_VERIFIED_EMAIL"} if alias.link_by_verified_email else {}),
    }
    claims |= {} if alias.groups_claim == COGNITO_GROUPS else {alias.groups_claim: "GROUPS_CLAIM"}
    for claim, reader in claims.items():
        scope = "profile" if claim.startswith("custom:") else _SCOPES_OF_CLAIMS.get(claim)
        if scope is not None and scope not in alias.scopes:
            message = (
                f"COGNITO['SCOPES'] is {list(alias.scopes)}: ID tokens lack the claim {claim!r}, which {reader} reads."
            )
            hint = f"Add {scope!r} to SCOPES, and allow it in the app client. If a trigger adds it, silence this check."
            yield checks.Warning(message, hint=hint, id="django_cognito.W133")
