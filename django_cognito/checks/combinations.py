"""Checks of settings of `COGNITO` against each other: a setting without effect because of another one."""

from collections.abc import Iterator

from django.contrib.auth import get_user_model
from django.core import checks

from ..conf.claim_scopes import find_scope
from ..conf.pool_registry import PoolRegistry
from ..conf.schema import COGNITO_GROUPS, DEFAULT_API_PROFILE_SECONDS, CognitoSettings
from . import site_parts


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
    for key in ("SCOPES_TO_PERMISSIONS", "SERVICE_USERS") if is_id_only else ():
        if getattr(alias, key.lower()):
            sentence = f"{key} has no effect, because TOKEN_USE 'id' rejects machine-to-machine tokens"
            yield sentence, f"Set TOKEN_USE to 'access', or remove {key}."
    if is_id_only and alias.resource:
        sentence = "RESOURCE is not compared on API requests, because TOKEN_USE is 'id' and ID tokens name no resource"
        yield sentence, "Set TOKEN_USE to 'access', or remove RESOURCE."
    if is_id_only and alias.api_profile_source:
        sentence = "API_PROFILE_SOURCE has no effect, because TOKEN_USE 'id' rejects access tokens"
        yield sentence, "Set TOKEN_USE to 'access', or remove API_PROFILE_SOURCE."
    if alias.api_profile_source and not (alias.attributes or alias.user_adapter or alias.link_by_verified_email):
        sentence = "API_PROFILE_SOURCE has no effect, because ATTRIBUTES is empty"
        yield sentence, "Map claims in ATTRIBUTES, or remove API_PROFILE_SOURCE."
    if not alias.api_profile_source and alias.api_profile_seconds != DEFAULT_API_PROFILE_SECONDS:
        yield "API_PROFILE_SECONDS has no effect without API_PROFILE_SOURCE", "Set API_PROFILE_SOURCE, or remove it."
    if alias.api_profile_source and alias.user_cache_seconds > alias.api_profile_seconds:
        sentence = "USER_CACHE_SECONDS is longer than API_PROFILE_SECONDS, and a cached user's attributes are not"
        yield f"{sentence} requested", "Set USER_CACHE_SECONDS to less."
    if alias.user_cache_seconds and not alias.token_cache_size:
        sentence = "USER_CACHE_SECONDS has no effect, because TOKEN_CACHE_SIZE is 0 and only users of cached tokens are"
        yield f"{sentence} cached", "Set TOKEN_CACHE_SIZE, or remove USER_CACHE_SECONDS."
    if alias.tenant_groups and alias.tenant is None:
        sentence = "TENANT_GROUPS has no effect, because TENANT is not set and no request has a tenant"
        yield sentence, "Set TENANT, or list the groups in GROUPS."
    model = get_user_model()
    field_names = {field.name for field in model._meta.concrete_fields}
    if alias.link_by_verified_email and model.get_email_field_name() not in field_names:
        sentence = f"LINK_BY_VERIFIED_EMAIL has no effect, because {model._meta.label} has no email field"
        yield sentence, "Set EMAIL_FIELD of the user model, or remove LINK_BY_VERIFIED_EMAIL."
    for name in alias.keep_missing_attributes:
        if name not in alias.attributes:
            sentence = f"KEEP_MISSING_ATTRIBUTES names {name!r}, which is no key of ATTRIBUTES"
            yield sentence, f"Use keys of ATTRIBUTES: {', '.join(alias.attributes)}."


def _find_useless_login(alias: CognitoSettings) -> Iterator[tuple[str, str]]:
    """Yield a sentence and a hint for each setting of logins that cannot have an effect."""
    if alias.admin_local_password and not site_parts.has_password_backend():
        sentence = "ADMIN_LOCAL_PASSWORD has no effect, because no backend of AUTHENTICATION_BACKENDS accepts passwords"
        yield sentence, f"Add {site_parts.MODEL_BACKEND!r} to AUTHENTICATION_BACKENDS."
    max_seconds = alias.session_max_seconds
    if max_seconds is not None and (alias.remember_me_seconds or 0) > max_seconds:
        sentence = "REMEMBER_ME_SECONDS is longer than SESSION_MAX_SECONDS, which ends each login before"
        yield sentence, "Set REMEMBER_ME_SECONDS to at most SESSION_MAX_SECONDS."
    domains = [domain for provider in alias.identity_providers for domain in provider.domains]
    for domain in sorted({domain for domain in domains if domains.count(domain) > 1}):
        sentence = f"IDENTITY_PROVIDERS lists the domain {domain!r} twice, and only the first provider is used for it"
        yield sentence, "Remove it from one of the providers."
    if alias.domain and site_parts.find_callback_path() is not None:
        return
    if alias.profile_source == "userinfo" and alias.attributes:
        sentence = "ATTRIBUTES has no effect: PROFILE_SOURCE 'userinfo' is read at a login, and none is installed"
        yield sentence, "Set PROFILE_SOURCE to 'id_token', or set DOMAIN and include django_cognito.urls."
    for key in ("IDENTITY_PROVIDERS", "SILENT_SIGN_IN", "REMEMBER_ME_SECONDS"):
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
    claims |= {alias.tenant.claim: "TENANT"} if alias.tenant is not None else {}
    for claim, reader in claims.items():
        scope = find_scope(claim)
        if scope is not None and scope not in alias.scopes:
            message = (
                f"COGNITO['SCOPES'] is {list(alias.scopes)}: ID tokens lack the claim {claim!r}, which {reader} reads."
            )
            hint = f"Add {scope!r} to SCOPES, and allow it in the app client. If a trigger adds it, silence this check."
            yield checks.Warning(message, hint=hint, id="django_cognito.W133")
