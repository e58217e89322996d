"""`manage.py check`: each check id, on a site with the fault and on a site without it."""

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
from django_cognito.checks.users import check_granted_fields
from django_cognito.conf.loading import get_pool_registry
from django_cognito.conf.validation import find_problems
from tests.support.real_parts import REDIS_URL
from tests.support.timeouts import pool_settings

from .support import source

pytestmark = pytest.mark.usefixtures("sqlite_features")
COGNITO_MIDDLEWARE, AUTHENTICATION = (
    "django_cognito.middleware.CognitoMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
)
LOGIN_REQUIRED = "django.contrib.auth.middleware.LoginRequiredMiddleware"


class OwnAuthentication(AuthenticationMiddleware):
    """A site's own subclass."""


class OwnCognito(middleware.CognitoMiddleware):
    """A site's own subclass."""


def plain_middleware(get_response: Any) -> Any:
    """Return `get_response`; a middleware that is a function."""
    return get_response


def check_ids(**options: Any) -> list[str]:
    """Return the ids of the messages of this package's checks."""
    messages = checks.run_checks(**options)
    return [
        message.id.removeprefix("django_cognito.") for message in messages if message.id.startswith("django_cognito")
    ]


@pytest.fixture
def deployed_site(settings: Any) -> None:
    """Set what a deployed site with a login should have and the test site does not have."""
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": "https://www.example.com/"}
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}}


def test_test_site_has_no_check_messages(deployed_site: None) -> None:
    assert check_ids(include_deployment_checks=True) == []


def test_settings_problems_are_errors_with_the_same_text(settings) -> None:
    settings.COGNITO = {"USER_POOL": "eu-west-1_TestPool1", "CLIENT_ID": ""}
    messages = [message for message in checks.run_checks() if message.id.startswith("django_cognito")]
    assert [(message.id, message.msg, message.hint) for message in messages] == [
        (problem.id, problem.message, problem.hint or None) for problem in find_problems(settings.COGNITO)
    ]
    assert {message.level for message in messages} == {checks.ERROR}


def test_missing_settings_are_a_single_error(settings) -> None:
    del settings.COGNITO
    assert check_ids(include_deployment_checks=True) == ["E001"]


@pytest.mark.mistake("middleware before AuthenticationMiddleware; after LoginRequiredMiddleware", by="check")
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ([AUTHENTICATION, COGNITO_MIDDLEWARE], []),
        ([COGNITO_MIDDLEWARE, AUTHENTICATION], ["E008"]),
        ([COGNITO_MIDDLEWARE], ["E008"]),
        ([AUTHENTICATION], ["E021"]),
        ([], ["E021"]),
        ([AUTHENTICATION, COGNITO_MIDDLEWARE, LOGIN_REQUIRED], []),
        ([AUTHENTICATION, LOGIN_REQUIRED, COGNITO_MIDDLEWARE], ["W103"]),
        ([LOGIN_REQUIRED, COGNITO_MIDDLEWARE, AUTHENTICATION], ["E008", "W103"]),
        (["tests.test_checks.OwnAuthentication", "tests.test_checks.OwnCognito"], []),
        (["tests.test_checks.OwnCognito", "tests.test_checks.OwnAuthentication"], ["E008"]),
        (["tests.test_checks.plain_middleware", AUTHENTICATION, COGNITO_MIDDLEWARE], []),
    ],
)
def test_wrong_middleware_order_is_reported(settings, order, expected) -> None:
    settings.MIDDLEWARE = order
    assert check_ids(tags=[checks.Tags.security]) == expected


@pytest.mark.parametrize(
    ("order", "expected"), [([AUTHENTICATION], ["E021", "W112"]), ([AUTHENTICATION, COGNITO_MIDDLEWARE], [])]
)
def test_atomic_requests_without_the_middleware_warns(settings, order, expected) -> None:
    settings.MIDDLEWARE = order
    settings.DATABASES["default"]["ATOMIC_REQUESTS"] = True
    try:
        assert check_ids(tags=[checks.Tags.security]) == expected
    finally:
        settings.DATABASES["default"]["ATOMIC_REQUESTS"] = False


@pytest.mark.mistake("SESSION_COOKIE_SAMESITE Strict", by="check")
@pytest.mark.parametrize(("domain", "expected"), [("login.example.com", ["W105"]), ("", ["E024"])])
def test_strict_session_cookie_with_a_login_is_a_warning(settings, domain, expected) -> None:
    settings.SESSION_COOKIE_SAMESITE = "Strict"
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": domain}
    assert check_ids() == expected


@pytest.mark.mistake("rotation grace shorter than the refresh lease", by="check")
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
        ({"REFRESH_GRACE_SECONDS": 0, "DOMAIN": ""}, ["E024"]),
    ],
)
def test_refresh_grace_not_longer_than_the_lease_is_a_warning(settings, changes, expected) -> None:
    settings.COGNITO = {**settings.COGNITO, **changes}
    assert check_ids() == expected


@pytest.mark.parametrize("key", ["ISSUER", "JWKS_URI", "ENDPOINT_URL", "DOMAIN"])
def test_plain_http_is_a_warning_on_deployment_only(settings, deployed_site, key) -> None:
    jwks = {"JWKS_URI": "https://keys.example.com/"} if key == "ISSUER" else {}
    settings.COGNITO = {**settings.COGNITO, **jwks, key: "http://localhost:9229"}
    assert "W101" not in check_ids()
    assert "W101" in check_ids(include_deployment_checks=True)


def test_login_without_logout_uri_is_a_warning_on_deployment(settings, deployed_site) -> None:
    settings.COGNITO = {**settings.COGNITO, "LOGOUT_URI": ""}
    assert (check_ids(), check_ids(include_deployment_checks=True)) == ([], ["W111"])
    settings.COGNITO = {**settings.COGNITO, "DOMAIN": ""}
    assert "W111" not in check_ids(include_deployment_checks=True)


def test_every_alias_without_logout_uri_is_named(settings) -> None:
    pool = {"USER_POOL_ID": "eu-west-1_Acme", "DOMAIN": "login.example.com"}
    with_uri = {**pool, "CLIENT_ID": "2b", "LOGOUT_URI": "https://b.example.com/"}
    settings.COGNITO = {"POOLS": {"a": {**pool, "CLIENT_ID": "1a"}, "b": with_uri}}
    (message,) = [
        message for message in checks.run_checks(include_deployment_checks=True) if message.id.endswith("W111")
    ]
    assert "'a'" in message.msg


@pytest.mark.parametrize(
    "name",
    ["nickname", "groups", "cognito_users", "id", "pk", "password", "is_staff", "is_superuser", "get_full_name"],
)
def test_attributes_setting_refuses_protected_and_missing_fields(settings, name) -> None:
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {"email": "email", name: "custom:claim"}}
    (message,) = [message for message in checks.run_checks() if message.id == "django_cognito.E009"]
    assert repr(name) in message.msg


def test_attributes_of_every_pool_are_checked(settings) -> None:
    second = {"USER_POOL_ID": "eu-west-1_Second", "CLIENT_ID": "2", "ATTRIBUTES": {"is_staff": "custom:staff"}}
    settings.COGNITO = {
        "POOLS": {"first": pool_settings(settings.COGNITO), "second": second, "third": {**second, "CLIENT_ID": "3"}}
    }
    (message,) = [message for message in checks.run_checks() if message.id == "django_cognito.E009"]
    assert "'is_staff'" in message.msg


def test_groups_and_attributes_of_the_user_model_are_accepted(settings) -> None:
    mapping = {"groups": ["a"], "permissions": ["auth.view_user"], "staff": True, "superuser": True}
    changes = {"GROUPS": {"a": mapping}, "MIRROR_GROUPS": True, "ATTRIBUTES": {"username": "nickname"}}
    settings.COGNITO = {**settings.COGNITO, **changes}
    assert check_ids() == []


def test_group_settings_for_a_model_without_groups_are_an_error(settings, monkeypatch) -> None:
    # A model with its own fields is tested in tests/users/test_custom_user_models.py; ContentType has no group field.
    from django.contrib.contenttypes.models import ContentType

    monkeypatch.setattr("django_cognito.checks.users.get_user_model", lambda: ContentType)
    settings.COGNITO = {**settings.COGNITO, "ATTRIBUTES": {}, "MIRROR_GROUPS": True}
    (message,) = check_granted_fields(get_pool_registry())
    assert message.id == "django_cognito.E010"


def test_checks_open_no_connection(deployed_site, monkeypatch) -> None:
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("a check opened a connection"))
    assert check_ids(include_deployment_checks=True) == []


def test_startup_imports_no_boto3_emulator_or_drf() -> None:
    program = (
        "import django, sys; django.setup(); from django.core.checks import run_checks; run_checks();"
        "print([name for name in ('boto3', 'moto', 'flask', 'rest_framework.views', 'pytest') if name in sys.modules])"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    process = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        cwd=source.PROJECT_DIRECTORY,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.stdout.strip() == "[]", process.stderr


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


@pytest.mark.mistake("USE_TZ off", by="check")
def test_use_tz_false_is_an_error(settings) -> None:
    settings.USE_TZ = False
    assert check_ids() == ["E011"]


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
def test_pool_resolver_that_cannot_be_imported_is_an_error(settings, resolver, expected) -> None:
    settings.COGNITO = {**settings.COGNITO, "POOL_RESOLVER": resolver}
    assert check_ids() == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("REMOTE_ADDR", []),
        (2, []),
        ("tests.sessions.test_client_ip.address_from_header", []),
        ("tests.sessions.test_client_ip.address_from_headers", ["E015"]),
        ("tests.no_such_module.find", ["E015"]),
    ],
)
def test_client_ip_that_cannot_be_imported_is_an_error(settings, source, expected) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IP": source}
    assert check_ids() == expected


CSP = "django.middleware.csp.ContentSecurityPolicyMiddleware"


@pytest.fixture
def django_with_csp(settings, monkeypatch) -> None:
    """Add the middleware of Django 6; on an older Django, a plain middleware has its name."""
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
def test_csp_form_action_without_the_hosted_ui_is_a_warning(settings, form_action, expected) -> None:
    settings.SECURE_CSP = {"default-src": ["'self'"], **({} if form_action is None else {"form-action": form_action})}
    assert check_ids() == expected


@pytest.mark.usefixtures("django_with_csp")
def test_csp_warning_names_each_missing_hosted_ui_once(settings) -> None:
    settings.SECURE_CSP = {"form-action": ["'self'", "https://a.example.com"]}
    pool = {"USER_POOL_ID": "eu-west-1_AcmePool1", "DOMAIN": "b.example.com"}
    pools = {
        "a": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1a", "DOMAIN": "a.example.com"},
        "b": {**pool, "CLIENT_ID": "1b"},
        "c": {**pool, "CLIENT_ID": "1c"},
        "api": {"USER_POOL_ID": "us-east-1_ApiPool01", "CLIENT_ID": "1d"},
    }
    settings.COGNITO = {"POOLS": pools}
    (message,) = [message for message in checks.run_checks() if message.id == "django_cognito.W106"]
    assert "https://b.example.com" in message.msg


@pytest.mark.parametrize("policy", [None, {}, {"form-action": ["'self'"]}, {"form-action": True}])
def test_csp_without_its_middleware_is_not_checked(settings, policy) -> None:
    settings.SECURE_CSP = policy
    assert check_ids() == []


CLAIM = {"GROUPS_CLAIM": "custom:groups"}


@pytest.mark.parametrize(
    ("changes", "site", "expected"),
    [
        ({}, {"MIDDLEWARE": [AUTHENTICATION]}, []),
        (CLAIM, {}, []),
        (CLAIM | {"DOMAIN": ""}, {}, ["W110"]),
        (CLAIM | {"DOMAIN": "", "TOKEN_USE": "id"}, {}, []),
        (CLAIM | {"DOMAIN": "", "TOKEN_USE": ["access", "id"]}, {}, []),
        (CLAIM, {"MIDDLEWARE": [AUTHENTICATION]}, ["W110"]),
        (CLAIM, {"ROOT_URLCONF": "tests.no_urls"}, ["W110"]),
        ({"POOLS": {"a": CLAIM, "b": {"USER_POOL_ID": "eu-west-1_Other", "DOMAIN": ""}}}, {}, []),
        ({"POOLS": {"a": {}, "b": CLAIM | {"USER_POOL_ID": "eu-west-1_Other", "DOMAIN": ""}}}, {}, ["W110"]),
    ],
)
def test_groups_claim_of_id_tokens_without_login_is_a_warning(settings, monkeypatch, changes, site, expected) -> None:
    monkeypatch.setitem(sys.modules, "tests.no_urls", types.SimpleNamespace(urlpatterns=[]))
    settings.COGNITO = {**settings.COGNITO, **changes}
    for name, value in site.items():
        setattr(settings, name, value)
    assert [check_id for check_id in check_ids() if check_id == "W110"] == expected


@pytest.mark.mistake("SQLite with default transaction mode and several workers", by="check")
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
def test_sqlite_with_deferred_transactions_is_a_warning(
    settings: Any, monkeypatch: pytest.MonkeyPatch, engine: str, options: Any, debug: bool, expected: bool
) -> None:
    database = {"ENGINE": engine} | ({} if options is None else {"OPTIONS": options})
    settings.DEBUG = debug
    monkeypatch.setitem(settings.DATABASES, "notes", database)
    # Not `run_checks`: from Django 6.1 on, a check of JSONField opens each database of the settings.
    messages = [message for message in check_settings(None) if message.id == "django_cognito.W113"]
    assert [message.hint for message in messages] == ["Set OPTIONS = {'transaction_mode': 'IMMEDIATE'}."] * expected
    assert all("'notes'" in message.msg for message in messages)
