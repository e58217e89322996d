"""The house of the design, held against the code: who may import whom. Drawn as a house, every arrow runs down."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from . import source

# The wings, from the ground up: which wings each one imports from, and its rooms in tiers (`|` separates them).
# A room is a module or a package, and imports only from earlier tiers. Rooms that do not exist yet may stand here.
GROUND_UP = ("core", "ground", "people", "login", "aws", "request", "doors")
WINGS: dict[str, tuple[tuple[str, ...], str]] = {
    "core": ((), "core"),
    "emulator": (("core",), "emulator"),
    "ground": (
        GROUND_UP[:1],
        (
            "rules tracebacks error_reports | typed_settings | problems | conf signals | models | migrations"
            " | runtime encryption locks checks"
        ),
    ),
    "people": (GROUND_UP[:2], "people"),
    "login": (GROUND_UP[:3], "login"),
    "aws": (GROUND_UP[:4], "aws"),
    "request": (GROUND_UP[:5], "bearer | request"),
    "doors": (
        GROUND_UP[:6],
        (
            "answers causes page_headers next_url | backends middleware decorators templatetags doctor sign_out_page"
            " | views drf contrib | admin"
        ),
    ),
    "roof": ((*GROUND_UP, "emulator"), "urls management testing apps admin_config"),
}
# The tiers inside a package; a package that is not named here orders itself.
INSIDE = {
    "core": "clock errors events forks | pool compact client_secret | token connections | http"
    " | claims jwks hosted_ui identity_pool directory sign_in | key_store | known_tokens | verifier",
    "people": "conflicts groups revocation attributes steady_query deleted_groups snapshot | memberships contact_claims"
    " | remembered | rights profile | request_writes machines accounts | users unlinking"
    " | known_users linking identities | authenticate sync",
    "login": "tenant asked silence state redirect_uri revocation session_user | sign_in_cookies session | refresh_lease"
    " | renewal sign_in outage",
    "aws": "credentials | sessions | clients | person",
    "drf": "errors | authentication permissions schema",
}
# Who alone may import a neighbour (a distribution's top package), or a part of ours.
ONLY = {
    "rest_framework": ("drf", "contrib"),
    "moto": ("emulator",),
    "flask": ("emulator",),
    "flask_cors": ("emulator",),
    "yaml": ("emulator",),
    "pyotp": ("emulator",),
    "django_cognito.emulator": ("emulator", "testing", "management.commands.cognito_emulator"),
}
# What a part of ours may not import, though its wing or its neighbours could.
NEVER = {
    "core": ("django", "rest_framework"),
    # The package `core` hands the verifier on, so the emulator names the module it needs.
    "emulator": ("django", "django_cognito.core.verifier", "=django_cognito.core"),
}
# 0.1 s and 20 MB, paid by every site: for functions that need it, and for type checkers.
NOT_AT_IMPORT_TIME = ("boto3",)


def test_every_arrow_runs_down() -> None:
    assert "\n".join(offences(source.PACKAGE_DIRECTORY)) == ""


def test_the_package_was_read() -> None:
    known = source.modules()
    assert {"django_cognito", "django_cognito.core", "django_cognito.core.errors"} <= set(known)
    pool = [found.target for found in source.imports(known["django_cognito.core.token"], known)]
    assert "django_cognito.core.compact" in pool


@pytest.mark.parametrize(
    ("files", "offence"),
    [
        pytest.param({"conf.py": "from .people import users"}, "the wing ground may not import people", id="up"),
        pytest.param(
            {"people/users.py": "from ..login.session import x"}, "people may not import login", id="up again"
        ),
        pytest.param({"core/pool.py": "from .jwks import KeySet"}, "core.pool imports core.jwks", id="a later tier"),
        pytest.param({"core/jwks.py": "from . import hosted_ui"}, "core.jwks imports core.hosted_ui", id="same tier"),
        pytest.param({"conf.py": "from . import models"}, "conf imports models", id="a later room"),
        pytest.param({"core/pool.py": "from . import UserPool"}, "its own package", id="the package from inside"),
        pytest.param({"core/http.py": "import django.conf"}, "core may not import django", id="core knows no Django"),
        pytest.param(
            {"core/http.py": "def f():\n    from django.conf import settings"}, "not import django", id="in a function"
        ),
        pytest.param(
            {"core/http.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ..conf import x"},
            "core may not import ground",
            id="for type checkers",
        ),
        pytest.param({"views.py": "from rest_framework import status"}, "is for drf, contrib alone", id="DRF"),
        pytest.param({"emulator/keys.py": "from ..core.verifier import x"}, "core.verifier", id="emulator, verifier"),
        pytest.param({"emulator/keys.py": "from ..core import UserPool"}, "may not import", id="emulator, core whole"),
        pytest.param({"emulator/keys.py": "from ..conf import x"}, "emulator may not import ground", id="emulator"),
        pytest.param({"testing/tokens.py": "import yaml"}, "yaml is for emulator alone", id="yaml"),
        pytest.param({"management/commands/x.py": "from ...emulator import E"}, "is for emulator", id="the emulator"),
        pytest.param({"aws/clients.py": "import boto3.session"}, "boto3 is imported at import time", id="boto3"),
        pytest.param({"views.py": "from . import urls"}, "doors may not import roof", id="the roof"),
        pytest.param({"apps.py": "from . import testing"}, "apps imports testing", id="across the roof"),
        pytest.param({"sessions.py": "from .people import users"}, "wing people or above", id="no wing"),
        pytest.param({"people/emails.py": "from . import groups"}, "after tier 1 of 8", id="no tier"),
        pytest.param(
            {"people/__init__.py": "from ..core import x"}, "hands on names of its own", id="__init__ reaches"
        ),
        pytest.param({"people/__init__.py": "answer = 42"}, "only hands names on", id="__init__ computes"),
    ],
)
def test_an_offending_tree_is_refused(tmp_path: Path, files: dict[str, str], offence: str) -> None:
    assert offence in "\n".join(offences(_tree(tmp_path, files)))


@pytest.mark.parametrize(
    "files",
    [
        {"aws/clients.py": "def client():\n    import boto3"},
        {"aws/clients.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import boto3"},
        {"core/__init__.py": '"""Core."""\nfrom .pool import UserPool\n__all__ = ["UserPool"]'},
        {"testing/__init__.py": "from .tokens import x", "testing/tokens.py": "from ..emulator import Emulator"},
        {"people/users.py": "from ..core import UserPool\nfrom ..models import CognitoUser\nfrom . import groups"},
        {"drf/permissions.py": "from rest_framework import permissions\nfrom ..people.rights import in_group"},
        {"apps.py": "def ready():\n    from . import checks, views"},
    ],
)
def test_a_sound_tree_passes(tmp_path: Path, files: dict[str, str]) -> None:
    assert list(offences(_tree(tmp_path, files))) == []


def offences(directory: Path) -> Iterator[str]:
    """Every way in which the package in `directory` breaks the house, a sentence each."""
    known = source.modules(directory)
    # What a planted module imports need not exist there: rooms of the tables count as modules.
    rooms = {f"{source.PACKAGE}.{room}" for _, tiers in WINGS.values() for room in _rooms(tiers)}
    inside = {f"{source.PACKAGE}.{name}.{room}" for name, tiers in INSIDE.items() for room in _rooms(tiers)}
    for module in known.values():
        name = _ours(module.name)
        imported = list(source.imports(module, {*known, *rooms, *inside}))
        where = f"{source.PACKAGE}/{module.path.relative_to(directory)}"
        if module.is_package:
            yield from (f"{where}: {offence}" for offence in _more_than_names(module, imported))
        elif homeless := _without_a_place(name, imported):
            yield f"{where}: {homeless}"
            continue
        for found in imported:
            for offence in _against_the_house(name, found):
                yield f"{where}:{found.line}: {offence}"


def _against_the_house(name: str, found: source.Import) -> Iterator[str]:
    top = found.target.partition(".")[0]
    for part, alone in ONLY.items():
        if _within(found.target, part) and not any(_within(name, place) for place in alone):
            yield f"{found.target} is for {', '.join(alone)} alone"
    for part, refused in NEVER.items():
        if _within(name, part) and any(_within(found.target, target) for target in refused):
            yield f"{part} may not import {found.target}"
    if top in NOT_AT_IMPORT_TIME and found.at_import_time:
        yield f"{top} is imported at import time; import it in the function that needs it"
    if top == source.PACKAGE and name and (target := _ours(found.target)):
        yield from _upwards(name, target)


def _upwards(name: str, target: str) -> Iterator[str]:
    room, target_room = name.partition(".")[0], target.partition(".")[0]
    wing, target_wing = _wing(room), _wing(target_room)
    if room == target_room:
        if target == room and name != room:
            yield f"{name} imports its own package, {room}; name the module"
        elif name != room and room in INSIDE and _tier(name, INSIDE[room]) <= _tier(target, INSIDE[room]):
            yield f"{name} imports {target}, which stands in the same tier or a later one"
    elif target_wing is None:
        yield f"{target} stands in no wing"
    elif wing == target_wing:
        if _tier(room, WINGS[wing][1]) <= _tier(target_room, WINGS[wing][1]):
            yield f"{name} imports {target}, which stands in the same tier or a later one"
    elif wing is not None and target_wing not in WINGS[wing][0]:
        yield f"the wing {wing} may not import {target_wing} ({target})"


def _more_than_names(package: source.Module, imported: list[source.Import]) -> Iterator[str]:
    """What a package's `__init__` does besides handing names on."""
    for node in package.tree.body:
        is_docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        is_dunder = isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("__")
        if not (is_docstring or is_dunder or isinstance(node, ast.Import | ast.ImportFrom)):
            yield f"line {node.lineno}: an __init__ only hands names on"
    for found in imported:
        if not _within(found.target, package.name):
            yield f"line {found.line}: an __init__ hands on names of its own package, not of {found.target}"


def _without_a_place(name: str, imported: list[source.Import]) -> str:
    """Where a module that the tables do not know belongs, by what it imports; empty for one they know."""
    room, _, rest = name.partition(".")
    targets = [_ours(found.target) for found in imported if _within(found.target, source.PACKAGE)]
    if _wing(room) is None:
        needed = {_wing(target.partition(".")[0]) for target in targets if target} - {None}
        lowest = next((wing for wing, (below, _) in WINGS.items() if needed <= {*below, wing}), "roof")
        return (
            f"{room} stands in no wing; by its imports it fits the wing {lowest} or above: put it there, and in WINGS"
        )
    if room in INSIDE and rest.partition(".")[0] not in _rooms(INSIDE[room]):
        last = max((_tier(target, INSIDE[room]) for target in targets if _within(target, room)), default=-1)
        count = INSIDE[room].count("|") + 1
        return (
            f"{name} has no tier; by its imports it fits after tier {last + 1} of {count}: put it in INSIDE[{room!r}]"
        )
    return ""


def _wing(room: str) -> str | None:
    return next((wing for wing, (_, tiers) in WINGS.items() if room in _rooms(tiers)), None)


def _rooms(tiers: str) -> list[str]:
    return tiers.replace("|", " ").split()


def _tier(name: str, tiers: str) -> int:
    """The tier of a room, or of a module in a package; what has none yet stands highest."""
    room = name.split(".")[1 if "." in name else 0]
    order = [tier.split() for tier in tiers.split("|")]
    return next((number for number, rooms in enumerate(order) if room in rooms), len(order))


def _ours(name: str) -> str:
    return name.removeprefix(source.PACKAGE).removeprefix(".")


def _within(name: str, part: str) -> bool:
    """Whether `name` is `part` or lies in it; "=part" is for `part` itself alone."""
    return name == part.removeprefix("=") or name.startswith(f"{part}.")


def _tree(directory: Path, files: dict[str, str]) -> Path:
    package = directory / source.PACKAGE
    for name, text in {"__init__.py": "", **files}.items():
        path = package / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return package
