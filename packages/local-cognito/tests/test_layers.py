"""The layers of local_cognito: imports point down, and no module imports django_cognito.

The method is the same as in the Django package's tests/test_layers.py.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import local_cognito
import pytest

PACKAGE = "local_cognito"
DIRECTORY = Path(local_cognito.__file__).parent
# The layers, from the lowest to the highest, separated by `|`: a module imports only from lower layers. The empty name
# is the top package; its packages follow.
LAYERS = {
    "": "clock errors private_files request_id urls | accounts aws aws_json faults"
    " | federation published_secrets self_service web_origins | user_pool_service"
    " | api identity local_routes pages | oauth seeds | server | emulator | command | __main__",
    "accounts": "address_forms assurance client_secrets grants identity_providers keys moto_private_key"
    " password_policy user_table users | clients totp user_pool_backend | attribute_rules pools tokens | token_issuer",
    "api": "identity_provider_operations moto_operations page_tokens srp user_filter"
    " | challenges user_listing | software_tokens srp_sign_in user_administration"
    " | code_operations sign_in | operations",
    "aws": "dynamodb patterns signatures | conditions | policies | account | administrator authorizer"
    " secrets_manager | s3 | services",
    "federation": "failures federated_users http_client | id_tokens | provider_client",
    "identity": "identity_pool | logins roles | identities | operations",
    "oauth": "errors well_known | client_authentication | endpoints",
    "pages": "explanations | page parameter_checks rejections | authorization_request index_page mailbox_page"
    " | browser_sessions | browser_cookies | attempts"
    " | federation_pages recovery_pages sign_in_pages sign_up_pages | hosted_ui",
    "seeds": "seed values | account_loading account_reading identity_provider_reading loading | reading",
    "self_service": "attempt_limits destinations mailbox | codes | recovery sign_up verification",
}
# Packages that only the listed modules may import. A package without a list must not be imported.
ONLY = {"django": (), "django_cognito": (), "rest_framework": (), "requests": ("federation.http_client",)}


def test_imports_point_down() -> None:
    assert "\n".join(violations(DIRECTORY)) == ""


def test_modules_of_the_package_are_read() -> None:
    targets = {target for _, _, target in imports(DIRECTORY)}
    assert {"accounts.keys", "emulator", "moto.cognitoidp.models", "user_pool_service"} <= targets


@pytest.mark.parametrize(
    ("name", "text", "violation"),
    [
        pytest.param("accounts/keys.py", "from ..emulator import x", "accounts may not import emulator", id="up"),
        pytest.param(
            "accounts/keys.py",
            "from .token_issuer import x",
            "accounts.keys may not import accounts.token_issuer",
            id="in",
        ),
        pytest.param("api/srp.py", "from . import challenges", "api.srp may not import api.challenges", id="module"),
        pytest.param("aws/s3.py", "from ..accounts import keys", "aws may not import accounts", id="one layer"),
        pytest.param("aws/s3.py", "from .. import server", "aws may not import server", id="top"),
        pytest.param("aws/s3.py", "def f():\n    from ..server import x", "aws may not import server", id="function"),
        pytest.param("clock.py", "import local_cognito.server", "clock may not import server", id="absolute"),
        pytest.param("clock.py", "from . import Emulator", "clock may not import its own package", id="own package"),
        pytest.param("clock.py", "import django.conf", "clock may not import django.conf", id="Django"),
        pytest.param("clock.py", "from django_cognito.core import x", "may not import django_cognito", id="sibling"),
        pytest.param("clock.py", "import requests", "only federation.http_client may import requests", id="requests"),
        pytest.param("emails.py", "", "emails has no layer: add it to LAYERS", id="no layer"),
        pytest.param("aws/emails.py", "", "aws.emails has no layer: add it to LAYERS", id="no layer inside"),
        pytest.param("mails/smtp.py", "", "mails has no layer: add it to LAYERS", id="no layer, package"),
    ],
)
def test_violation_is_reported(tmp_path: Path, name: str, text: str, violation: str) -> None:
    path = tmp_path / PACKAGE / name
    path.parent.mkdir(parents=True)
    path.write_text(text)
    assert violation in "\n".join(violations(tmp_path / PACKAGE))


def violations(directory: Path) -> Iterator[str]:
    """Return a sentence for each module without a layer, and for each import that the tables do not allow."""
    names = {name for name, _ in modules(directory)}
    for name in sorted(names - {""}):
        package, _, module = name.rpartition(".")
        top = name.partition(".")[0]
        if top not in _all(LAYERS[""]):
            yield f"{top} has no layer: add it to LAYERS"
        elif package in LAYERS and module not in _all(LAYERS[package]):
            yield f"{name} has no layer: add it to LAYERS[{package!r}]"
    for name, line, target in imports(directory):
        yield from (f"{name}, line {line}: {sentence}" for sentence in _violation(name, target))


def _violation(name: str, target: str) -> Iterator[str]:
    top = target.partition(".")[0]
    if top in ONLY and name not in ONLY[top]:
        yield f"only {', '.join(ONLY[top])} may import {target}" if ONLY[top] else f"{name} may not import {target}"
    if not name:
        return  # the top package exports names of all layers
    if not target or name.startswith(f"{target}."):
        yield f"{name} may not import its own package"
        return
    parts, others = name.split("."), target.split(".")
    shared = 1 if parts[0] == others[0] and min(len(parts), len(others)) > 1 else 0
    package = parts[0] if shared else ""
    own, other = parts[shared], others[shared]
    if own != other and other in _all(LAYERS.get(package, "")) and _layer(own, package) <= _layer(other, package):
        prefix = f"{package}." if package else ""
        yield f"{prefix}{own} may not import {prefix}{other}: it is in the same layer or a higher one"


def imports(directory: Path) -> Iterator[tuple[str, int, str]]:
    """Return each import: the module, the line, and what is imported; names are relative to the package."""
    # A test's module may import modules that do not exist in its folder; the modules of the tables count too.
    module_names = {name for name, _ in modules(directory)} | _all(LAYERS[""])
    module_names |= {f"{package}.{name}" for package, layers in LAYERS.items() if package for name in _all(layers)}
    for name, path in modules(directory):
        is_package = path.name == "__init__.py"
        parts = [part for part in name.split(".") if part]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                targets = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                base = parts[: len(parts) - node.level + is_package] if node.level else []
                source = ".".join([*base, *([node.module] if node.module else [])])
                targets = [f"{source}.{alias.name}".lstrip(".") for alias in node.names]
                targets = [target if target in module_names else source for target in targets]
            else:
                continue
            for target in dict.fromkeys(targets):
                yield name, node.lineno, target.removeprefix(PACKAGE).removeprefix(".") if target else target


def modules(directory: Path) -> Iterator[tuple[str, Path]]:
    """Return each module under `directory` by its name in the package; the package itself has the name ''."""
    for path in sorted(directory.rglob("*.py")):
        parts = path.relative_to(directory).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _all(layers: str) -> set[str]:
    return set(layers.replace("|", " ").split())


def _layer(name: str, package: str) -> int:
    order = [layer.split() for layer in LAYERS[package].split("|")]
    return next((number for number, names in enumerate(order) if name in names), len(order))
