"""Registers the checks with Django. The rules are in the other modules, by subject."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from django.apps.config import AppConfig
from django.conf import settings
from django.core import checks

from ..conf.loading import get_pool_registry
from ..conf.pool_registry import PoolRegistry
from ..conf.validation import find_problems
from .combinations import check_combinations
from .databases import check_email_index, check_service_users
from .deployment import (
    check_insecure_hosts,
    check_logout_uri,
    check_plain_http,
    check_proxy_header,
    check_revocation_cache,
)
from .django_settings import (
    check_backend,
    check_cache_alias,
    check_databases,
    check_middleware,
    check_rest_framework,
    check_time_zones,
)
from .former_packages import check_former_packages
from .login import (
    check_content_security_policy,
    check_domain,
    check_redirect_uri,
    check_refresh_grace,
    check_same_site,
    check_sessions,
)
from .pages import check_admin, check_pages
from .permissions import check_django_groups, check_permissions
from .pools import (
    check_client_ids,
    check_extra,
    check_groups_claim,
    check_local_urls,
    check_resolver,
    check_service_clients,
)
from .tenants import check_tenants
from .users import (
    check_adapters,
    check_attributes,
    check_granted_fields,
    check_related_models,
    check_required_fields,
)

Check = Callable[[PoolRegistry], Iterator[checks.CheckMessage]]

_CHECKS: tuple[Check, ...] = (
    check_middleware,
    check_backend,
    check_databases,
    check_time_zones,
    check_rest_framework,
    check_cache_alias,
    check_domain,
    check_same_site,
    check_sessions,
    check_refresh_grace,
    check_content_security_policy,
    check_redirect_uri,
    check_pages,
    check_admin,
    check_attributes,
    check_related_models,
    check_granted_fields,
    check_required_fields,
    check_adapters,
    check_permissions,
    check_django_groups,
    check_client_ids,
    check_service_clients,
    check_local_urls,
    check_groups_claim,
    check_resolver,
    check_extra,
    check_tenants,
    check_combinations,
    check_former_packages,
)
_DEPLOYMENT_CHECKS: tuple[Check, ...] = (
    check_plain_http,
    check_insecure_hosts,
    check_logout_uri,
    check_proxy_header,
    check_revocation_cache,
)


@checks.register(checks.Tags.security)
def check_settings(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Return errors in `COGNITO`; without errors, problems of the settings around it. No I/O."""
    problems = find_problems(getattr(settings, "COGNITO", None), debug=settings.DEBUG)
    if problems:
        errors = [checks.Error(problem.message, hint=problem.hint or None, id=problem.id) for problem in problems]
        return [*errors, *check_former_packages(None)]  # whose settings show what to write
    return _run(_CHECKS)


@checks.register(checks.Tags.security, deploy=True)
def check_deployment(app_configs: Sequence[AppConfig] | None, **_: Any) -> list[checks.CheckMessage]:
    """Return what a deployed site should not have, or should have. No I/O."""
    return _run(_DEPLOYMENT_CHECKS) if _is_valid() else []


@checks.register(checks.Tags.database)
def check_database(
    app_configs: Sequence[AppConfig] | None, databases: Sequence[str] | None = None, **_: Any
) -> list[checks.CheckMessage]:
    """Return problems of the tables and of the users of SERVICE_USERS. Run by `check --database` and `migrate`.

    Reads the catalogue of the database, and one row for each service user.
    """
    if not databases or not _is_valid():
        return []
    registry = get_pool_registry()
    return [*check_email_index(registry, databases), *check_service_users(registry, databases)]


def _is_valid() -> bool:
    """Return whether `COGNITO` has no errors; `check_settings` reports them."""
    return not find_problems(getattr(settings, "COGNITO", None), debug=settings.DEBUG)


def _run(selected: Sequence[Check]) -> list[checks.CheckMessage]:
    registry = get_pool_registry()
    return [message for check in selected for message in check(registry)]
