"""The layers of the package: which module may import which. Imports point down."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .support import source

# The layers, from the lowest to the highest. A module or package of a layer imports only from lower layers, and the
# pairs of PAIRS. Packages that do not exist yet may be listed.
LAYERS = (
    "core",
    "conf signals models",
    "db migrations",
    "factories encryption checks",
    "authorization",
    "users",
    "sessions",
    "aws",
    "web",
    "backends middleware decorators mixins templatetags drf",
    "login",
    "account native headless sync doctor datasets",
    "admin contrib urls apps management testing admin_config",
)
# The imports between two packages of one layer.
PAIRS = {("apps", "admin"), ("apps", "contrib"), ("mixins", "decorators"), ("datasets", "admin")}
# The layers inside a package, separated by `|`. A package that is not listed here orders itself.
INSIDE = {
    "core": "base64url clock errors forks tracebacks | user_pool client_secret published_secret token_endpoints"
    " | http"
    " | tokens error_responses | auth_api | hosted_ui identity_pool directory",
    "core.auth_api": "api_errors | user_api",
    "core.http": "deadline | exchange | client",
    "core.tokens": "decoding key_events jwks | jws | token | claims key_store | verified_cache | verifier",
    "conf": "validators claim_scopes attribute_targets | schema | default_attributes pool_urls"
    " | tenant_sources pool_registry"
    " | validation | loading",
    "checks": "site_parts | combinations databases deployment django_settings former_packages login pages permissions"
    " pools tenants users | registration",
    "authorization": "group_mapping deleted_groups confirmed_moments | memberships tenants | group_expiry"
    " | rights explanation preview",
    "users": "save_protection lookup pending_answers rejected_tokens revocation_list | revocation attributes | accounts"
    " | account_status | live_check api_profile | writing | existing_users linking identity_ids cache | authentication",
    "users.accounts": "machine service_users unlinking | local_accounts | adapter",
    "users.attributes": "fields field_values | claim_values related_rows | source_digests"
    " | contact_claims claim_sources | user_changes",
    "users.writing": "request_writes | link_writes | provisioning | bulk_provisioning",
    "sessions": "remember_me session_user step_up stored_tokens browsers | lookup | store | ending"
    " | refresh sign_in own_logins | outage",
    "sessions.browsers": "client_ip user_agents | client_details",
    "sessions.ending": "login_age revocation | ended_logins | sign_out | conditions | age_check clean_up",
    "sessions.refresh": "limit | lease | response | drivers",
    "web": "browser_mark dataset_types error_catalogue error_reports login_url next_url pool_selection redirect_uri"
    " request_user security_headers sign_in_cookies site_name | silent bearer responses session_user_loader"
    " | script_responses request resubmission | error_page step_up | live_check",
    "login": "authorize_params state failures error_response local_cognito resubmission"
    " | failure_page sign_out_page step_up | flow"
    " | confirmation idp_initiated | views",
    "aws": "credentials | boto_sessions | client_cache | request_aws",
    "sync": "errors listing one_user | lock pace | page_reader confirmation | whole_pool",
    "datasets": "errors models signals | changes | decisions reading | clean_up | writing | access export"
    " | views admin | urls apps migrations management",
    "admin": "search site | accounts",
    "drf": "errors | authentication permissions schema",
}
# Modules and packages that only the listed ones of this package may import.
ONLY = {
    "rest_framework": ("drf", "contrib"),
    "drf_spectacular": ("contrib.spectacular",),
    "ninja": ("contrib.ninja",),
    "moto": (),
    "flask": (),
    "yaml": (),
    "local_cognito": ("testing", "management.commands.local_cognito"),
}
# What a package may not import.
NEVER = {"core": ("django", "rest_framework")}
# Costs 0.1 s and 20 MB: imported by the functions that need it, or for type checkers.
NOT_AT_IMPORT_TIME = ("boto3",)


def test_imports_point_down() -> None:
    assert "\n".join(violations(source.PACKAGE_DIRECTORY)) == ""


def test_contributing_lists_the_same_layers() -> None:
    text = source.path_of("CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Code layout")[2].partition("\n## ")[0]
    rows = [re.findall(r"`(\w+)`", row.split("|")[1]) for row in section.splitlines() if row.startswith("| `")]
    existing = {_relative(name).partition(".")[0] for name in source.modules()}
    layers = [[name for name in layer.split() if name in existing] for layer in LAYERS]
    assert rows == [layer for layer in layers if layer]


def test_modules_of_the_package_are_read() -> None:
    modules = source.modules()
    assert {"django_cognito", "django_cognito.core", "django_cognito.core.errors"} <= set(modules)
    imported = [item.target for item in source.imports(modules["django_cognito.core.tokens.token"], modules)]
    assert "django_cognito.core.tokens.jws" in imported


@pytest.mark.parametrize(
    ("files", "violation"),
    [
        pytest.param({"conf/loading.py": "from ..users import cache"}, "conf may not import users", id="up"),
        pytest.param({"users/cache.py": "from ..sessions.store import x"}, "users may not import sessions", id="up 2"),
        pytest.param(
            {"core/user_pool.py": "from .hosted_ui import x"}, "core.user_pool may not import core.hosted_ui", id="in"
        ),
        pytest.param(
            {"core/directory.py": "from . import hosted_ui"}, "core.directory may not import core.hosted_ui", id="level"
        ),
        pytest.param(
            {"core/tokens/claims.py": "from .verifier import x"},
            "core.tokens.claims may not import core.tokens.verifier",
            id="deeper",
        ),
        pytest.param({"signals.py": "from . import models"}, "signals may not import models", id="one layer"),
        pytest.param({"core/user_pool.py": "from . import UserPool"}, "its own package", id="own package"),
        pytest.param({"core/errors.py": "import django.conf"}, "core may not import django", id="core, Django"),
        pytest.param(
            {"core/errors.py": "def f():\n    from django.conf import settings"},
            "not import django",
            id="in a function",
        ),
        pytest.param(
            {"core/errors.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..conf import x"},
            "core may not import conf",
            id="for type checkers",
        ),
        pytest.param({"backends.py": "from rest_framework import status"}, "only drf, contrib may import", id="DRF"),
        pytest.param({"testing/tokens.py": "import yaml"}, "yaml may not be imported", id="yaml"),
        pytest.param({"checks.py": "import local_cognito"}, "only testing,", id="local_cognito"),
        pytest.param({"aws/credentials.py": "import boto3.session"}, "imported at import time", id="boto3"),
        pytest.param({"login/views.py": "from .. import urls"}, "login may not import urls", id="the URLs"),
        pytest.param({"apps.py": "from . import testing"}, "apps may not import testing", id="top layer"),
        pytest.param({"emails.py": "from .users import cache"}, "sessions or higher", id="no layer"),
        pytest.param({"users/emails.py": "from . import lookup"}, "after layer 1 of 8", id="no layer inside"),
        pytest.param({"users/__init__.py": "from ..core import x"}, "re-exports only its own names", id="__init__ far"),
        pytest.param({"users/__init__.py": "answer = 42"}, "only re-exports", id="__init__ computes"),
    ],
)
def test_violation_is_reported(tmp_path: Path, files: dict[str, str], violation: str) -> None:
    assert violation in "\n".join(violations(_tree(tmp_path, files)))


@pytest.mark.parametrize(
    "files",
    [
        {"aws/client_cache.py": "def client():\n    import boto3"},
        {"aws/client_cache.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import boto3"},
        {"core/__init__.py": '"""Core."""\nfrom .user_pool import UserPool\n__all__ = ["UserPool"]'},
        {"testing/__init__.py": "from .tokens import x", "testing/tokens.py": "from local_cognito import Emulator"},
        {"users/linking.py": "from ..core import UserPool\nfrom ..models import X\nfrom . import lookup"},
        {"drf/permissions.py": "from rest_framework import permissions\nfrom ..authorization.rights import in_group"},
        {"apps.py": "def ready():\n    from . import checks, login"},
    ],
)
def test_valid_tree_has_no_violation(tmp_path: Path, files: dict[str, str]) -> None:
    assert list(violations(_tree(tmp_path, files))) == []


def violations(directory: Path) -> Iterator[str]:
    """Return a sentence for each import of the package in `directory` that the tables do not allow."""
    modules = source.modules(directory)
    # A module that a test writes may import modules that do not exist there; those of the tables count as modules.
    listed = {f"{source.PACKAGE}.{name}" for name in _names("|".join(LAYERS))}
    listed |= {f"{source.PACKAGE}.{package}.{name}" for package, layers in INSIDE.items() for name in _names(layers)}
    for module in modules.values():
        name = _relative(module.name)
        imported = list(source.imports(module, {*modules, *listed}))
        path = f"{source.PACKAGE}/{module.path.relative_to(directory)}"
        if module.is_package:
            yield from (f"{path}: {sentence}" for sentence in _more_than_exports(module, imported))
        elif sentence := _missing_layer(name, imported):
            yield f"{path}: {sentence}"
            continue
        for item in imported:
            for sentence in _violations_of(name, item):
                yield f"{path}:{item.line}: {sentence}"


def _violations_of(name: str, item: source.Import) -> Iterator[str]:
    for part, allowed in ONLY.items():
        if _is_within(item.target, part) and not any(_is_within(name, place) for place in allowed):
            yield f"only {', '.join(allowed)} may import {part}" if allowed else f"{part} may not be imported"
    for part, forbidden in NEVER.items():
        if _is_within(name, part) and any(_is_within(item.target, target) for target in forbidden):
            yield f"{part} may not import {item.target}"
    if item.target.partition(".")[0] in NOT_AT_IMPORT_TIME and item.at_import_time:
        yield f"{item.target} is imported at import time; import it in the function that needs it"
    if item.target.startswith(f"{source.PACKAGE}.") and name:
        yield from _upward_import(name, _relative(item.target))


def _upward_import(name: str, target: str) -> Iterator[str]:
    if name == target or _is_within(target, name):
        return
    if _is_within(name, target):
        yield f"{name} imports its own package, {target}; name the module"
        return
    package, own, other = _first_difference(name, target)
    layers = "|".join(LAYERS) if not package else INSIDE.get(package)
    if layers is None or (own, other) in PAIRS:
        return
    if _layer(own, layers) <= _layer(other, layers):
        prefix = f"{package}." if package else ""
        yield f"{prefix}{own} may not import {prefix}{other}: it is in the same layer or a higher one"


def _first_difference(name: str, target: str) -> tuple[str, str, str]:
    """Return the package that both names share, and the part of each that comes after it."""
    parts, others = name.split("."), target.split(".")
    same = next(index for index, (part, other) in enumerate(zip(parts, others, strict=False)) if part != other)
    return ".".join(parts[:same]), parts[same], others[same]


def _more_than_exports(package: source.Module, imported: list[source.Import]) -> Iterator[str]:
    """Return a sentence for each thing that a package's `__init__` does besides re-exporting its own names."""
    for node in package.tree.body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_dunder = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("__")
        if not (is_docstring or is_dunder or isinstance(node, ast.Import | ast.ImportFrom)):
            yield f"line {node.lineno}: an __init__ only re-exports names"
    for item in imported:
        if not _is_within(item.target, package.name):
            yield f"line {item.line}: an __init__ re-exports only its own names, not those of {item.target}"


def _missing_layer(name: str, imported: list[source.Import]) -> str:
    """Return where a module that is in no table belongs, by its imports; '' if it is in one."""
    targets = [_relative(item.target) for item in imported if item.target.startswith(f"{source.PACKAGE}.")]
    top = name.partition(".")[0]
    if top not in _names("|".join(LAYERS)):
        lowest = max((_layer(target.partition(".")[0], "|".join(LAYERS)) for target in targets), default=-1) + 1
        layer = LAYERS[min(lowest, len(LAYERS) - 1)]
        return f"{top} has no layer; by its imports it can be in {layer} or higher: add it to LAYERS"
    package, _, module = name.rpartition(".")
    if package in INSIDE and module not in _names(INSIDE[package]):
        inside = [target.removeprefix(f"{package}.") for target in targets if target.startswith(f"{package}.")]
        last = max((_layer(target, INSIDE[package]) for target in inside), default=-1)
        count = INSIDE[package].count("|") + 1
        return (
            f"{name} has no layer; by its imports it can be after layer {last + 1} of {count}: add it to"
            f" INSIDE[{package!r}]"
        )
    return ""


def _names(layers: str) -> list[str]:
    return layers.replace("|", " ").split()


def _layer(name: str, layers: str) -> int:
    """Return the number of the layer that `name` is in; a name without a layer is above all others."""
    order = [layer.split() for layer in layers.split("|")]
    return next((number for number, names in enumerate(order) if name in names), len(order))


def _relative(name: str) -> str:
    return name.removeprefix(source.PACKAGE).removeprefix(".")


def _is_within(name: str, part: str) -> bool:
    return name == part or name.startswith(f"{part}.")


def _tree(directory: Path, files: dict[str, str]) -> Path:
    package = directory / source.PACKAGE
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package
