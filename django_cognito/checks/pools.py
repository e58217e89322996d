"""Checks of the settings of a pool and of its app clients that need more than `COGNITO` itself."""

from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

from django.conf import settings
from django.core import checks
from django.utils.module_loading import import_string

from ..conf.pool_registry import PoolRegistry
from ..conf.schema import COGNITO_GROUPS
from ..core.user_pool import bypasses_proxies
from . import site_parts


def check_client_ids(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the tokens of this site's own login are accepted."""
    for alias in registry.by_alias.values():
        if alias.domain and alias.client_id not in alias.user_pool.client_ids:
            message = (
                f"COGNITO['CLIENT_IDS'] does not contain CLIENT_ID, {alias.client_id!r}: the tokens of this site's own"
                " login are rejected (401 `wrong_client`)."
            )
            hint = f"CLIENT_IDS replaces the default: set it to {[alias.client_id, *alias.client_ids]}."
            yield checks.Warning(message, hint=hint, id="django_cognito.W124")


def check_local_urls(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the tokens and the hosted UI are both those of a local Cognito, or both of AWS."""
    for alias in registry.by_alias.values():
        pool = alias.user_pool
        is_api_used = alias.domain or alias.identity_pool_id  # at sign-out, or for AWS credentials
        urls = {"DOMAIN": pool.domain, "ENDPOINT_URL": is_api_used and pool.endpoint_url, "ISSUER": pool.issuers[0]}
        is_local = {key: bypasses_proxies(url, pool.insecure_hosts) for key, url in urls.items() if url}
        if len(set(is_local.values())) > 1:
            local = " and ".join(f"{key} {urls[key]!r}" for key, is_here in is_local.items() if is_here)
            remote = " and ".join(f"{key} {urls[key]!r}" for key, is_here in is_local.items() if not is_here)
            message = (
                f"COGNITO has {local} on this machine, and {remote} elsewhere (alias {alias.alias!r}): tokens of"
                " one are rejected by the other."
            )
            hint = "A local Cognito needs DOMAIN, ISSUER and ENDPOINT_URL; a pool of AWS needs only DOMAIN."
            yield checks.Warning(message, hint=hint, id="django_cognito.W134")


def check_groups_claim(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that a custom groups claim is read: it is in ID tokens only, which API requests do not have."""
    custom = [alias for alias in registry.by_alias.values() if alias.groups_claim != COGNITO_GROUPS]
    if not custom or registry.first.token_use != "access":
        return
    has_middleware = site_parts.find_position(site_parts.COGNITO_MIDDLEWARE, settings.MIDDLEWARE) is not None
    if has_middleware and site_parts.find_callback_path() is not None and all(alias.domain for alias in custom):
        return  # logins of this site get ID tokens
    message = "COGNITO['GROUPS_CLAIM'] is in ID tokens only, and no login is installed that gets them."
    hint = (
        "Groups expire REMEMBERED_GROUPS_SECONDS after the last ID token. Set DOMAIN, include django_cognito.urls"
        " and add CognitoMiddleware; or have a trigger add the claim to access tokens, and silence this check."
    )
    yield checks.Warning(message, hint=hint, id="django_cognito.W110")


def check_resolver(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the functions of settings can be called, if they are dotted paths."""
    settings_of_site = registry.first
    functions: list[tuple[str, Any, str]] = [
        ("['POOL_RESOLVER']", settings_of_site.pool_resolver, "It takes a request and returns an alias of POOLS."),
        ("['CLIENT_IP']", settings_of_site.client_ip, "It takes a request and returns an IP address, or None."),
    ]
    for tenant in filter(None, (alias.tenant for alias in registry.by_alias.values())):
        hint = "It takes a request and the user's tenants, and returns one of them, or None."
        functions.append(("['TENANT']['selector']", tenant.selector, hint))
        functions.append(("['TENANT']['function']", tenant.function, "It takes a verified token and returns a tenant."))
    for key, path, hint in functions:
        if not isinstance(path, str) or path in ("", "REMOTE_ADDR"):
            continue
        try:
            is_function = callable(import_string(path))
        except ImportError:
            is_function = False
        if not is_function:
            message = f"COGNITO{key} names {path!r}, which cannot be imported as a function."
            yield checks.Error(message, hint=hint, id="django_cognito.E015")


def check_extra(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that `request.cognito.aws`, CLIENT_SECRET_ARN and API_PROFILE_SOURCE have the packages they import."""
    missing = [name for name in ("boto3", "cachetools") if find_spec(name) is None]
    if missing and any(alias.identity_pool_id for alias in registry.by_alias.values()):
        message = f"COGNITO['IDENTITY_POOL_ID'] is set, and {' and '.join(missing)} cannot be imported."
        hint = "Install the extra: pip install 'django-aws-cognito[aws]'."
        yield checks.Warning(message, hint=hint, id="django_cognito.W130")
    if "boto3" in missing and any(alias.client_secret_arn for alias in registry.by_alias.values()):
        message = "COGNITO['CLIENT_SECRET_ARN'] is set, and boto3 cannot be imported: no user can sign in."
        hint = "Install the extra: pip install 'django-aws-cognito[aws]'."
        yield checks.Error(message, hint=hint, id="django_cognito.E042")
    if "boto3" in missing and any(alias.api_profile_source == "directory" for alias in registry.by_alias.values()):
        message = "COGNITO['API_PROFILE_SOURCE'] is 'directory', and boto3 cannot be imported: API requests would fail."
        hint = "Install the extra: pip install 'django-aws-cognito[aws]', or use 'get_user'."
        yield checks.Error(message, hint=hint, id="django_cognito.E043")


def check_service_clients(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the tokens of the clients in SERVICE_USERS are accepted."""
    for pool in registry.user_pools:
        settings_of_pool = registry.for_token(pool.user_pool_id)
        for client_id in settings_of_pool.service_users:
            if client_id not in pool.client_ids:
                message = f"COGNITO['SERVICE_USERS'] has the app client {client_id!r}, which is not in CLIENT_IDS."
                hint = f"Its tokens are rejected (401 `wrong_client`). Add {client_id!r} to CLIENT_IDS, or correct it."
                yield checks.Warning(message, hint=hint, id="django_cognito.W136")
