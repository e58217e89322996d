"""`manage.py check`: each id, once by a site that has the fault and once by one that has not."""

import importlib.util
import os
import socket
import subprocess
import sys
import types
from typing import Any

import pytest
from django.contrib.auth.middleware import AuthenticationMiddleware
from django.core import checks
from django.core.management import call_command

from django_cognito import middleware
from django_cognito.checks import check_settings
from django_cognito.conf.validation import find_problems
from tests.support.timeouts import pool_settings

from .support import source

OURS, AUTHENTICATION = (
    "django_cognito.middleware.CognitoMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


class OwnAuthentication(AuthenticationMiddleware):
    """A site's own."""


class OwnCognito(middleware.CognitoMiddleware):
    """A site's own."""


def plain_middleware(get_response: Any) -> Any:
    """A middleware that is a function."""
    return get_response


def found(**options: Any) -> list[str]:
    """The ids of ours that the checks give."""
    messages = checks.run_checks(**options)
    return [each.id.removeprefix("django_cognito.") for each in messages if each.id.startswith("django_cognito")]


@pytest.fixture
def logout_uri(settings: Any) -> None:
    """Set what a deployed site with a login should have, and the site of the tests has not."""
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://www.example.com/"}


def test_the_site_of_the_tests_is_sound(logout_uri: None) -> None:
    assert found(include_deployment_checks=True) == []


def test_what_is_wrong_with_the_settings_is_an_error_in_the_same_words(settings) -> None:
    settings.COGNITO = {"USER_POOL": "eu-west-1_TestPool1", "CLIENT_ID": ""}
    messages = [each for each in checks.run_checks() if each.id.startswith("django_cognito")]
    assert [(each.id, each.msg, each.hint) for each in messages] == [
        (problem.id, problem.message, problem.hint or None) for problem in find_problems(settings.COGNITO)
    ]
    assert {each.level for each in messages} == {checks.ERROR}


def test_missing_settings_are_an_error_and_nothing_else(settings) -> None:
    del settings.COGNITO
    assert found(include_deployment_checks=True) == ["E001"]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([AUTHENTICATION, OURS], []),
        ([OURS, AUTHENTICATION], ["E008"]),
        ([OURS], ["E008"]),
        ([AUTHENTICATION], ["W102"]),
        ([], ["W102"]),
        ([AUTHENTICATION, OURS, LOGIN_REQUIRED], []),
        ([AUTHENTICATION, LOGIN_REQUIRED, OURS], ["W103"]),
        ([LOGIN_REQUIRED, OURS, AUTHENTICATION], ["E008", "W103"]),
        (["tests.test_checks.OwnAuthentication", "tests.test_checks.OwnCognito"], []),
        (["tests.test_checks.OwnCognito", "tests.test_checks.OwnAuthentication"], ["E008"]),
        (["tests.test_checks.plain_middleware", AUTHENTICATION, OURS], []),
    ],
)
def test_the_order_of_the_middleware(settings, order, expected) -> None:
    settings.MIDDLEWARE = order
    assert found(tags=[checks.Tags.security]) == expected


@pytest.mark.parametrize(("order", "expected"), [([AUTHENTICATION], ["W102", "W112"]), ([AUTHENTICATION, OURS], [])])
def test_atomic_requests_without_the_middleware_warns(settings, order, expected) -> None:
    settings.MIDDLEWARE = order
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        assert found(tags=[checks.Tags.security]) == expected
    finally:
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False


def test_a_site_without_the_backend_is_warned(settings) -> None:
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    assert found() == ["W104"]


@pytest.mark.parametrize(("domain", "expected"), [("login.example.com", ["W105"]), ("", [])])
def test_a_strict_session_cookie_is_for_sites_without_a_login(settings, domain, expected) -> None:
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": domain}
    assert found() == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, []),
        ({"REFRESH_GRACE_SECONDS": 21}, []),
        ({"REFRESH_GRACE_SECONDS": 20}, ["W114"]),
        ({"REFRESH_GRACE_SECONDS": 0}, ["W114"]),
        ({"REFRESH_GRACE_SECONDS": 20, "TOKEN_TIMEOUT_SECONDS": 14.5}, []),
        ({"TOKEN_TIMEOUT_SECONDS": 54}, []),
        ({"TOKEN_TIMEOUT_SECONDS": 55}, ["W114"]),
        ({"REFRESH_GRACE_SECONDS": 0, "DOMAIN": ""}, []),
    ],
)
def test_refresh_grace_not_longer_than_the_lease_is_a_warning(settings, changes, expected) -> None:
    settings.COGNITO = {**settings.COGNITO, **changes}
    assert found() == expected


@pytest.mark.parametrize("key", ["ISSUER", "JWKS_URI", "ENDPOINT_URL", "DOMAIN"])
def test_plain_http_is_told_on_deployment_alone(settings, logout_uri, key) -> None:
    jwks = {"JWKS_URI": "https://keys.example.com/"} if key == "ISSUER" else {}
    settings.COGNITO = {**settings.COGNITO, **jwks, key: "http://localhost:9229"}
    assert found() == []
    assert found(include_deployment_checks=True) == ["W101"]


def test_login_without_logout_uri_is_a_warning_on_deployment(settings) -> None:
    assert (found(), found(include_deployment_checks=True)) == ([], ["W111"])
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert found(include_deployment_checks=True) == []


def test_every_alias_without_logout_uri_is_named(settings) -> None:
    pool = {"USER_POOL_ID": "eu-west-1_Acme", "DOMAIN": "login.example.com"}
    with_uri = {**pool, "CLIENT_ID": "2b", "LOGOUT_URI": "https://b.example.com/"}
    settings.COGNITO = {"POOLS": {"a": {**pool, "CLIENT_ID": "1a"}, "b": with_uri}}
    (message,) = [each for each in checks.run_checks(include_deployment_checks=True) if each.id.endswith("W111")]
    assert "'a'" in message.msg


@pytest.mark.parametrize(
    "name",
    ["nickname", "groups", "cognito_users", "id", "pk", "password", "is_staff", "is_superuser", "get_full_name"],
)
def test_a_claim_is_for_a_plain_field_that_it_may_decide(settings, name) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"email": "email", name: "custom:claim"}}
    (message,) = [each for each in checks.run_checks() if each.id == "django_cognito.E009"]
    assert repr(name) in message.msg


def test_attributes_of_every_pool_are_checked(settings) -> None:
    second = {"USER_POOL_ID": "eu-west-1_Second", "CLIENT_ID": "2", "ATTRIBUTES": {"is_staff": "custom:staff"}}
    settings.COGNITO = {
        "POOLS": {"first": pool_settings(settings.COGNITO), "second": second, "third": {**second, "CLIENT_ID": "3"}}
    }
    (message,) = [each for each in checks.run_checks() if each.id == "django_cognito.E009"]
    assert "'is_staff'" in message.msg


def test_groups_flags_and_fields_that_the_model_has_are_sound(settings) -> None:
    everything = {"groups": ["a"], "permissions": ["a.b"], "staff": True, "superuser": True}
    changes = {"GROUPS": {"a": everything}, "MIRROR_GROUPS": True, "ATTRIBUTES": {"username": "nickname"}}
    settings.COGNITO = {**settings.COGNITO, **changes}
    assert found() == []


def test_groups_that_the_model_does_not_have_are_an_error(settings, monkeypatch) -> None:
    # A model with its own fields is tested in tests/users/test_custom_user_models.py; this one has none at all.
    from django.contrib.contenttypes.models import ContentType

    monkeypatch.setattr("django_cognito.checks.get_user_model", lambda: ContentType)
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {}, "MIRROR_GROUPS": True}
    assert found() == ["E010"]


def test_nothing_is_reached_when_a_site_starts(logout_uri, monkeypatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a check reached out"))
    assert found(include_deployment_checks=True) == []


def test_starting_imports_neither_boto3_nor_the_emulator_nor_drf() -> None:
    program = (
        "import django, sys; django.setup(); from django.core.checks import run_checks; run_checks();"
        "print([name for name in ('boto3', 'moto', 'flask', 'rest_framework.views', 'pytest') if name in sys.modules])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=source.PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout.strip() == "[]", done.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_moments_without_a_zone_are_refused(settings) -> None:
    settings.USE_TZ = False
    assert found() == ["E011"]


@pytest.mark.parametrize(
    ("resolver", "expected"),
    [
        ("", []),
        ("tests.support.two_pools.alias_of", []),
        (lambda request: "acme", []),
        ("tests.support.two_pools.alias_off", ["E015"]),
        ("tests.no_such_module.alias_of", ["E015"]),
        ("alias_of", ["E015"]),
        ("tests.support.two_pools.ACME_POOL", ["E015"]),
    ],
)
def test_a_resolver_that_cannot_be_imported_is_an_error(settings, resolver, expected) -> None:
    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": resolver}
    assert found() == expected


CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"


@pytest.fixture
def django_with_csp(settings, monkeypatch) -> None:
    """Django 6 has that middleware; where it is older, any will do for its name."""
    if importlib.util.find_spec("django.middleware.csp") is None:
        module = types.ModuleType("django.middleware.csp")
        module.ContentSecurityPolicyMiddleware = plain_middleware  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, module.__name__, module)
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, CSP]


@pytest.mark.usefixtures("django_with_csp")
@pytest.mark.parametrize(
    ("form_action", "expected"),
    [
        (["'self'"], ["W106"]),
        (["'none'"], ["W106"]),
        (["'self'", "https://www.example.com"], ["W106"]),
        (["https://login.example.com.evil.example"], ["W106"]),
        (["http://login.example.com"], ["W106"]),
        (["http:"], ["W106"]),
        (["*.login.example.com"], ["W106"]),
        (["https://*.example.org"], ["W106"]),
        ("'self'", ["W106"]),
        (["'self'", "https://login.example.com"], []),
        (["'self'", "https://login.example.com/"], []),
        (["login.example.com"], []),
        (["https://*.example.com"], []),
        (["*.example.com"], []),
        (["https:"], []),
        (["*"], []),
        ("https://login.example.com", []),
        ([], []),
        ("", []),
        (None, []),
    ],
)
def test_djangos_own_policy_has_to_let_forms_reach_the_hosted_ui(settings, form_action, expected) -> None:
    settings.SECURE_CSP = {"default-src": ["'self'"], **({} if form_action is None else {"form-action": form_action})}
    assert found() == expected


@pytest.mark.usefixtures("django_with_csp")
def test_each_hosted_ui_that_a_policy_leaves_out_is_named_once(settings) -> None:
    settings.SECURE_CSP = {"form-action": ["'self'", "https://a.example.com"]}
    pool = {"USER_POOL_ID": "eu-west-1_AcmePool1", "DOMAIN": "b.example.com"}
    pools = {
        "a": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1a", "DOMAIN": "a.example.com"},
        "b": {**pool, "CLIENT_ID": "1b"},
        "c": {**pool, "CLIENT_ID": "1c"},
        "api": {"USER_POOL_ID": "us-east-1_ApiPool01", "CLIENT_ID": "1d"},
    }
    settings.COGNITO = {"POOLS": pools}
    (message,) = [each for each in checks.run_checks() if each.id == "django_cognito.W106"]
    assert "https://b.example.com" in message.msg


@pytest.mark.parametrize("policy", [None, {}, {"form-action": ["'self'"]}, {"form-action": True}])
def test_a_policy_that_no_middleware_sends_is_none(settings, policy) -> None:
    settings.SECURE_CSP = policy
    assert found() == []


CLAIM = {"GROUPS_CLAIM": "custom:groups"}


@pytest.mark.parametrize(
    ("changes", "site", "expected"),
    [
        ({}, {"MIDDLEWARE": [AUTHENTICATION]}, []),
        (CLAIM, {}, []),
        (CLAIM | {"DOMAIN": ""}, {}, ["W110"]),
        (CLAIM | {"DOMAIN": "", "TOKEN_USE": "id"}, {}, []),
        (CLAIM, {"MIDDLEWARE": [AUTHENTICATION]}, ["W110"]),
        (CLAIM, {"ROOT_URLCONF": "tests.no_urls"}, ["W110"]),
        ({"POOLS": {"a": CLAIM, "b": {"USER_POOL_ID": "eu-west-1_Other", "DOMAIN": ""}}}, {}, []),
        ({"POOLS": {"a": {}, "b": CLAIM | {"USER_POOL_ID": "eu-west-1_Other", "DOMAIN": ""}}}, {}, ["W110"]),
    ],
)
def test_groups_claim_of_id_tokens_without_a_session_login_is_a_risk(
    settings, monkeypatch, changes, site, expected
) -> None:
    monkeypatch.setitem(sys.modules, "tests.no_urls", types.SimpleNamespace(urlpatterns=[]))
    settings.COGNITO = {**settings.COGNITO, **changes}
    for name, value in site.items():
        setattr(settings, name, value)
    assert [each for each in found() if each == "W110"] == expected


@pytest.mark.parametrize(
    ("engine", "options", "debug", "expected"),
    [
        ("django.db.backends.sqlite3", None, False, True),
        ("django.db.backends.sqlite3", {}, False, True),
        ("django.db.backends.sqlite3", {"transaction_mode": None, "timeout": 20}, False, True),
        ("django.db.backends.sqlite3", {"transaction_mode": "DEFERRED"}, False, True),
        ("django.contrib.gis.db.backends.spatialite", {}, False, True),
        ("django.db.backends.sqlite3", {"transaction_mode": "IMMEDIATE"}, False, False),
        ("django.db.backends.sqlite3", {"transaction_mode": "exclusive"}, False, False),
        ("django.db.backends.postgresql", {}, False, False),
        ("django.db.backends.sqlite3", {}, True, False),
    ],
)
def test_sqlite_whose_transactions_do_not_wait_is_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch, engine: str, options: Any, debug: bool, expected: bool
) -> None:
    database = {"ENGINE": engine} | ({} if options is None else {"OPTIONS": options})
    settings.DEBUG = debug
    monkeypatch.setitem(settings.DATABASES, "notes", database)
    # Not `run_checks`: from Django 6.1 on, a check of JSONField opens each database of the settings.
    messages = [each for each in check_settings(None) if each.id == "django_cognito.W113"]
    assert [each.hint for each in messages] == ["Set OPTIONS = {'transaction_mode': 'IMMEDIATE'}."] * expected
    assert all("'notes'" in each.msg for each in messages)
