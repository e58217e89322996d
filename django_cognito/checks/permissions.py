"""Checks of the permissions and Django groups that groups and scopes grant. Reads the models, not the database."""

import difflib
from collections.abc import Iterator

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.core import checks

from ..conf.pool_registry import PoolRegistry
from . import site_parts


def check_permissions(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the permissions exist that GROUPS, TENANT_GROUPS and SCOPES_TO_PERMISSIONS grant."""
    aliases = registry.by_alias.values()
    groups = {
        (key, name): grant.permissions
        for alias in aliases
        for key, grants in (("GROUPS", alias.groups), ("TENANT_GROUPS", alias.tenant_groups))
        for name, grant in grants.items()
    }
    scopes = {
        ("SCOPES_TO_PERMISSIONS", scope): permissions
        for alias in aliases
        for scope, permissions in alias.scopes_to_permissions.items()
    }
    existing = find_permissions() if groups or scopes else set()
    for (key, name), permissions in (groups | scopes).items():
        for permission in sorted(permissions - existing):
            label = permission.partition(".")[0]
            labels = {config.label for config in apps.get_app_configs()}
            reason = "which no model has" if label in labels else f"and no installed app has the label {label!r}"
            nearest = difflib.get_close_matches(permission, existing, n=1)
            hint = f"Did you mean {nearest[0]!r}?" if nearest else "Write 'app_label.codename', as in 'auth.view_user'."
            hint += " If a migration creates the permission, silence this check."
            message = f"COGNITO[{key!r}][{name!r}] grants {permission!r}, {reason}."
            yield checks.Warning(message, hint=hint, id="django_cognito.W122")


def find_permissions() -> set[str]:
    """Return the permissions that `migrate` creates for the models, as "app_label.codename"."""
    permissions = set()
    for model in apps.get_models():  # as in `django.contrib.auth.management.create_permissions`
        options = model._meta
        names = [get_permission_codename(action, options) for action in options.default_permissions]
        names += [codename for codename, _ in options.permissions]
        permissions |= {f"{options.app_label}.{name}" for name in names}
    return permissions


def check_django_groups(registry: PoolRegistry) -> Iterator[checks.CheckMessage]:
    """Check that the permissions of Django groups count which Cognito's groups grant."""
    aliases = registry.by_alias.values()
    names = [name for alias in aliases for grant in alias.groups.values() for name in grant.groups]
    is_granted = names or any(alias.mirror_groups for alias in aliases)
    if is_granted and not site_parts.has_backend(site_parts.MODEL_BACKEND):
        source = f"GROUPS grants the Django group {names[0]!r}" if names else "MIRROR_GROUPS grants Django groups"
        message = f"COGNITO: {source}, and no ModelBackend is in AUTHENTICATION_BACKENDS: its permissions do not count."
        hint = (
            f"Add {site_parts.MODEL_BACKEND!r} to AUTHENTICATION_BACKENDS, or list permissions in GROUPS. If another"
            " backend reads the permissions of groups, silence this check."
        )
        yield checks.Warning(message, hint=hint, id="django_cognito.W123")
