"""The public API: the names that sites import, a docstring on each, and modules and functions of limited size."""

import ast
import importlib
import inspect
import re
import statistics
from collections.abc import Iterator

import pytest

from .support import source
from .support.guide import GUIDE

PUBLIC_NAMES = {
    "django_cognito.core": ("UserPool", "TokenVerifier", "AccessToken", "IdToken", "ClientToken"),
    "django_cognito.core.errors": (
        "CognitoError",
        "TokenError",
        "MalformedTokenError",
        "SignatureError",
        "ClaimError",
        "ExpiredTokenError",
        "ImmatureTokenError",
        "IssuerError",
        "ClientError",
        "TokenUseError",
        "RevokedTokenError",
        "SignInError",
        "CredentialsError",
        "CognitoUnavailableError",
    ),
    "django_cognito.admin": (
        "CognitoAdminSite",
        "CognitoAdminSiteMixin",
        "CognitoLoginAdmin",
        "CognitoMembershipAdmin",
        "CognitoUserAdmin",
        "CognitoUserInline",
        "register_models",
    ),
    "django_cognito.models": ("CognitoUser", "CognitoMembership", "CognitoLogin"),
    "django_cognito.signals": (
        "user_created",
        "user_synced",
        "groups_changed",
        "account_linked",
        "account_unlinked",
        "signed_in",
        "signed_out",
        "sign_in_failed",
        "token_rejected",
    ),
    "django_cognito.datasets.access": ("RequestDatasets", "UserDataset"),
    "django_cognito.datasets.errors": ("DatasetError",),
    "django_cognito.datasets.export": ("export_datasets",),
    "django_cognito.datasets.signals": ("dataset_changed",),
    "django_cognito.users": (
        *("authenticate", "aauthenticate", "UserAdapter", "UserRefusedError"),
        *("link_users", "UserLink", "LinkReport"),
    ),
    "django_cognito.backends": ("CognitoBackend",),
    "django_cognito.middleware": ("CognitoMiddleware",),
    "django_cognito.decorators": (
        "group_required",
        "scope_required",
        "recent_sign_in_required",
        "mfa_required",
        "live_check_required",
        "bearer_exempt",
    ),
    "django_cognito.mixins": (
        "GroupRequiredMixin",
        "ScopeRequiredMixin",
        "RecentSignInRequiredMixin",
        "MfaRequiredMixin",
        "LiveCheckRequiredMixin",
    ),
    "django_cognito.drf": (
        "CognitoAuthentication",
        "InGroup",
        "HasScope",
        "LiveCheck",
        "RecentSignIn",
        "RequiresMfa",
        "exception_handler",
    ),
    "django_cognito.testing": ("make_token", "sign_in", "trusted_keys"),
    "django_cognito.testing.fixtures": ("local_cognito", "cognito_sign_in"),
    "django_cognito.contrib.ninja": ("CognitoBearer", "CognitoSession", "add_error_handlers"),
    "django_cognito.contrib.spectacular.auto_schema": ("CognitoAutoSchema",),
    "django_cognito.contrib.spectacular.swagger_ui": ("CognitoSwaggerView", "oauth2_redirect"),
    "local_cognito": ("Emulator",),
}
CATCH_ALL_NAMES = {"utils", "helpers", "common", "base", "misc", "manager", "managers", "handler", "handlers", "tools"}
MODULE_LINES, FUNCTION_LINES = 300, 40
FUNCTION_MEDIAN, FUNCTION_MOST = 10, 25  # the limits of half of all functions and of nine in ten
# A declaration for each setting, and an entry for each error code
TABLES = {"django_cognito.conf.schema", "django_cognito.web.error_catalogue"}

Function = ast.FunctionDef | ast.AsyncFunctionDef
MODULES = {name: module for name, module in source.modules().items() if ".migrations" not in name}


@pytest.mark.parametrize(
    ("module", "name"), [(module, name) for module in PUBLIC_NAMES for name in PUBLIC_NAMES[module]]
)
def test_public_name_can_be_imported(module: str, name: str) -> None:
    assert hasattr(importlib.import_module(module), name)


@pytest.mark.parametrize("name", [name for name, module in MODULES.items() if "__all__" in module.text])
def test_all_of_a_module_is_sorted_and_exists(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__all__ == sorted(set(module.__all__))
    assert [exported for exported in module.__all__ if not hasattr(module, exported)] == []


def test_public_names_are_on_the_api_page() -> None:
    page = (GUIDE / "api.md").read_text()
    names = [name for module, names in PUBLIC_NAMES.items() if module != "local_cognito" for name in names]
    assert [name for name in names if not re.search(rf"\b{name}\b", page)] == []


def test_login_urls_are_in_the_namespace_cognito() -> None:
    urls = importlib.import_module("django_cognito.urls")
    assert urls.app_name == "cognito"
    assert {"login", "callback", "logout"} <= {pattern.name for pattern in urls.urlpatterns}


def test_every_public_name_has_a_docstring() -> None:
    assert [location for module in MODULES.values() for location in _undocumented(module)] == []


def test_no_module_has_a_catch_all_name() -> None:
    assert [name for name in MODULES if CATCH_ALL_NAMES & set(name.split("."))] == []


def test_no_module_exceeds_the_line_limit() -> None:
    sizes = {name: module.text.count("\n") for name, module in MODULES.items()}
    assert {name: size for name, size in sizes.items() if size > MODULE_LINES and name not in TABLES} == {}


def test_no_function_exceeds_the_line_limit() -> None:
    sizes = {location: size for module in MODULES.values() for location, size in _function_sizes(module)}
    assert {location: size for location, size in sizes.items() if size > FUNCTION_LINES} == {}


def test_function_lengths_are_within_the_limits() -> None:
    sizes = sorted(size for module in MODULES.values() for _, size in _function_sizes(module))
    assert statistics.median(sizes) <= FUNCTION_MEDIAN
    assert sizes[len(sizes) * 9 // 10] < FUNCTION_MOST


def _function_sizes(module: source.Module) -> Iterator[tuple[str, int]]:
    for node in module.nodes:
        if isinstance(node, Function):
            yield f"{module.name}:{node.lineno} {node.name}", (node.end_lineno or node.lineno) - node.lineno + 1


def _undocumented(module: source.Module) -> Iterator[str]:
    if not module.is_package and not ast.get_docstring(module.tree):
        yield module.name
    for node in _public(module.tree):
        if not ast.get_docstring(node):
            yield f"{module.name}.{node.name}"
        for method in _public(node) if isinstance(node, ast.ClassDef) else ():
            bare = isinstance(method, Function) and not ast.get_docstring(method)
            if bare and not _is_defined_by_framework(module.name, node.name, method.name):
                yield f"{module.name}.{node.name}.{method.name}"


def _public(node: ast.Module | ast.ClassDef) -> Iterator[ast.ClassDef | Function]:
    """Yield the public classes and functions of a body; a property's setter shares its getter's docstring."""
    for child in node.body:
        is_setter = any(
            ast.unparse(decorator).endswith(".setter") for decorator in getattr(child, "decorator_list", ())
        )
        if isinstance(child, ast.ClassDef | Function) and not child.name.startswith("_") and not is_setter:
            yield child


def _is_defined_by_framework(module: str, name: str, method: str) -> bool:
    """Return whether a base class of another package (Django's `BaseCommand.handle`) defines the method."""
    ancestors = inspect.getmro(getattr(importlib.import_module(module), name))
    return any(method in vars(ancestor) for ancestor in ancestors if not ancestor.__module__.startswith(source.PACKAGE))
