"""The setting `COGNITO`: the validator of each key, the problems of invalid settings, and the cached settings."""

import threading
from dataclasses import fields
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import override_settings
from django.utils.functional import SimpleLazyObject

from django_cognito.conf.loading import get_pool_registry, get_settings
from django_cognito.conf.schema import DECLARATIONS, GRANT_VALIDATORS, CognitoSettings, GroupGrant
from django_cognito.conf.validation import find_problems
from django_cognito.conf.validators import (
    BOOLEAN,
    HOST_LIST,
    PERMISSION_LIST,
    TEXT,
    TEXT_LIST,
    TEXT_OR_EMPTY,
    URL_OR_EMPTY,
    Validator,
    is_text_list,
)
from tests.support.cases import cases

REQUIRED = {"USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CLIENT_ID": "1example23456789"}
MISTAKE = "COGNITO missing; unknown key; wrong type; None from an unset environment variable"
UNSET = "If it comes from an environment variable: the variable is not set, or empty."
SECRET_ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:the-name-AbCdEf"

# The validator of each setting, or the words of its error message if no other setting has this validator.
VALIDATORS: dict[str, Validator | str] = {
    "USER_POOL_ID": TEXT,
    "CLIENT_ID": TEXT,
    "CLIENT_SECRET": "a string, or a function without arguments that returns one",
    "CLIENT_SECRET_ARN": (
        "the ARN of a secret in AWS Secrets Manager, such as"
        " 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:the-name-AbCdEf'"
    ),
    "CLIENT_IDS": TEXT_LIST,
    "DOMAIN": TEXT_OR_EMPTY,
    "ISSUER": "one issuer, or a list of issuers",
    "JWKS_URI": TEXT_OR_EMPTY,
    "ENDPOINT_URL": TEXT_OR_EMPTY,
    "IDENTITY_POOL_ID": "an identity pool id such as 'eu-west-1:12345678-90ab-cdef-1234-567890abcdef'",
    "LOGINS_KEY": TEXT_OR_EMPTY,
    "TOKEN_USE": "'access', 'id' or ['access', 'id']",
    "TOKEN_SOURCES": DECLARATIONS["TOKEN_SOURCES"].validator,  # tests/users/test_token_use.py
    "RESOURCE": TEXT_OR_EMPTY,
    "DOCS_CLIENT_ID": TEXT_OR_EMPTY,
    "CREATE_USERS": BOOLEAN,
    "USERNAME": TEXT,
    "USER_ADAPTER": TEXT_OR_EMPTY,
    "ATTRIBUTES": "a dict from Django's field names to claim names, dotted paths or functions",
    "KEEP_MISSING_ATTRIBUTES": TEXT_LIST,
    "PROFILE_SOURCE": "'id_token' or 'userinfo'",
    "API_PROFILE_SOURCE": "None, 'get_user' or 'directory'",
    "API_PROFILE_SECONDS": "a number of seconds from 60 to 2592000",
    "LINK_BY_VERIFIED_EMAIL": BOOLEAN,
    "LINKING_KEEPS_PASSWORD": BOOLEAN,
    "GROUPS_CLAIM": TEXT,
    "GROUPS": "a dict from Cognito's group names to their grants",
    "MIRROR_GROUPS": BOOLEAN,
    "KEEP_LAST_SUPERUSER": BOOLEAN,
    "TENANT": (
        "None, or a dict with one of 'claim', 'group_prefix' (it ends with '/' or ':') and 'function', and perhaps"
        " 'selector'; functions may be dotted paths"
    ),
    "TENANT_GROUPS": "a dict from names of groups to their permissions",
    "SCOPES_TO_PERMISSIONS": "a dict from scopes to lists of permissions such as 'notes.change_note'",
    "SERVICE_USERS": "a dict from app client ids to usernames such as {'2machine3456789': 'importer'}",
    "SCOPES": "a list of scopes that includes 'openid'",
    "REDIRECT_URI": URL_OR_EMPTY,
    "LOGOUT_URI": URL_OR_EMPTY,
    "IDENTITY_PROVIDERS": (
        "a list of names such as 'Google', or of dicts with 'name' or 'idp_identifier', 'label' and 'domains'"
    ),
    "IDP_INITIATED": (
        "a dict from hosts to a provider's name, or to {'provider': ..., 'prompt': ''}; prompt is 'login' or ''"
    ),
    "SILENT_SIGN_IN": BOOLEAN,
    "RESUBMIT_FORMS": BOOLEAN,
    "ADMIN_LOCAL_PASSWORD": BOOLEAN,
    "POOL_RESOLVER": "a function that takes a request and returns an alias of POOLS, or its dotted path",
    "TOKENS_OF_OTHER_POOLS": "'reject' or 'allow'",
    "CLIENT_IP": (
        "'REMOTE_ADDR', a number of trusted proxies from 1 to 10, or a function that takes a request and returns an IP"
        " address, or its dotted path"
    ),
    "CACHE": TEXT,
    "WITHOUT_CACHE": "'allow' or 'reject'",
    "MIRROR_ENABLED": BOOLEAN,
    "REDIRECT_HOSTS": HOST_LIST,
    "INSECURE_HOSTS": "a list of host names such as 'cognito', without scheme, port or path",
    "POOLS": "a non-empty dict from aliases to the settings of each",
}
# The least and the greatest value of each setting that is a number; those of OR_NONE may also be None.
RANGES: dict[str, tuple[float, float]] = {
    "LEEWAY_SECONDS": (0, 60),
    "TOKEN_MAX_BYTES": (1_024, 1_048_576),
    "TOKEN_CACHE_SIZE": (0, 1_000_000),
    "JWKS_MAX_AGE_SECONDS": (1, 604_800),
    "JWKS_HARD_MAX_AGE_SECONDS": (1, 2_592_000),
    "HTTP_TIMEOUT_SECONDS": (0.1, 60),
    "TOKEN_TIMEOUT_SECONDS": (0.1, 60),
    "MAX_REFRESHES": (1, 1_000),
    "LINKING_MAX_AGE_SECONDS": (1, 31_536_000),
    "USER_CACHE_SECONDS": (0, 3_600),
    "REMEMBERED_GROUPS_SECONDS": (60, 315_360_000),
    "REFRESH_MARGIN_SECONDS": (0, 3_600),
    "REFRESH_GRACE_SECONDS": (0, 60),
    "SESSION_GRACE_SECONDS": (0, 604_800),
    "REVOCATION_SECONDS": (0.1, 300),
    "SESSION_IDLE_SECONDS": (60, 31_536_000),
    "SESSION_MAX_SECONDS": (60, 315_360_000),
    "REMEMBER_ME_SECONDS": (60, 315_360_000),
    "DATASETS_MAX_COUNT": (1, 100_000),
    "DATASETS_MAX_RECORDS": (1, 10_000),
    "DATASETS_MAX_BYTES": (1_024, 1_073_741_824),
    "DATASETS_MAX_VALUE_BYTES": (1, 1_073_741_824),
    "DATASETS_MAX_WRITES": (1, 1_000_000),
    "DATASETS_DELETIONS_SECONDS": (86_400, 315_360_000),
}
OR_NONE = (
    "LINKING_MAX_AGE_SECONDS",
    "REMEMBER_ME_SECONDS",
    "REMEMBERED_GROUPS_SECONDS",
    "SESSION_IDLE_SECONDS",
    "SESSION_MAX_SECONDS",
)
UNITS = {
    "TOKEN_MAX_BYTES": "bytes",
    "TOKEN_CACHE_SIZE": "tokens",
    "MAX_REFRESHES": "requests",
    "DATASETS_MAX_COUNT": "datasets",
    "DATASETS_MAX_RECORDS": "records",
    "DATASETS_MAX_BYTES": "bytes",
    "DATASETS_MAX_VALUE_BYTES": "bytes",
    "DATASETS_MAX_WRITES": "requests",
}


def _ids(value: Any) -> list[str]:
    return [problem.id.removeprefix("django_cognito.") for problem in find_problems(value)]


def test_two_required_keys_have_no_problem() -> None:
    assert find_problems(REQUIRED) == []


@pytest.mark.parametrize("value", [None, [], "eu-west-1_AbCdEfGhI", 5])
def test_setting_that_is_not_a_dict_is_a_problem(value) -> None:
    assert _ids(value) == ["E001"]


@pytest.mark.parametrize(
    ("key", "nearest"),
    [
        ("CLIENTID", "CLIENT_ID"),
        ("client_id", "CLIENT_ID"),
        ("USERPOOL_ID", "USER_POOL_ID"),
        ("LEEWAY", "LEEWAY_SECONDS"),
        ("MIRROR_GROUP", "MIRROR_GROUPS"),
        ("CLIENT_IDs", "CLIENT_IDS"),
        ("REDIRECT_URL", "REDIRECT_URI"),
        ("user_pool", "USER_POOL_ID"),
    ],
)
def test_unknown_key_problem_suggests_the_nearest_key(key, nearest) -> None:
    (problem,) = find_problems({**REQUIRED, key: "x"})
    assert (problem.id, problem.hint) == ("django_cognito.E002", f"Did you mean {nearest!r}?")
    assert repr(key) in problem.message


@pytest.mark.parametrize("key", ["ALIAS", "USER_POOL", "BLOCK_SECONDS", 5, None, ("a",), ""])
def test_key_that_does_not_exist_is_a_problem(key) -> None:
    assert _ids({**REQUIRED, key: "x"}) == ["E002"]


@pytest.mark.parametrize("key", REQUIRED)
def test_missing_required_key_is_a_problem(key) -> None:
    assert _ids({name: value for name, value in REQUIRED.items() if name != key}) == ["E003"]


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize(
    ("value", "message", "hint"),
    [
        (None, "COGNITO is missing or is not a dict.", "Set USER_POOL_ID and CLIENT_ID."),
        ({**REQUIRED, "CLIENTID": "x"}, "COGNITO has the unknown key 'CLIENTID'.", "Did you mean 'CLIENT_ID'?"),
        ({**REQUIRED, "CREATE_USERS": "yes"}, "COGNITO['CREATE_USERS'] must be True or False.", ""),
        ({**REQUIRED, "CLIENT_ID": None}, "COGNITO['CLIENT_ID'] must be a non-empty string.", UNSET),
        ({**REQUIRED, "CLIENT_ID": ""}, "COGNITO['CLIENT_ID'] must be a non-empty string.", UNSET),
        ({**REQUIRED, "DOMAIN": None}, "COGNITO['DOMAIN'] must be a string.", UNSET),
    ],
)
def test_problem_has_the_expected_value_and_the_next_step(value: Any, message: str, hint: str) -> None:
    (problem,) = find_problems(value)
    assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.mistake("pool id malformed", by="check")
def test_malformed_pool_id_is_a_problem_with_an_example() -> None:
    (problem,) = find_problems({**REQUIRED, "USER_POOL_ID": "eu-west-1"})
    assert "'eu-west-1' is not a user pool id; one looks like 'eu-west-1_AbCdEfGhI'" in problem.message


@pytest.mark.mistake("scope not allowed; no `openid`", by="check")
def test_scopes_without_openid_are_a_problem() -> None:
    (problem,) = find_problems({**REQUIRED, "SCOPES": ["email"]})
    assert problem.message == "COGNITO['SCOPES'] must be a list of scopes that includes 'openid'."


def test_all_problems_are_returned_at_once() -> None:
    assert _ids({"CLIENT_ID": "", "LEEWAY_SECONDS": 99, "LEEWEY": 1, "GROUPS": {"a": 5}}) == [
        "E002",
        "E004",
        "E004",
        "E005",
        "E003",
    ]


def test_every_setting_has_a_validator() -> None:
    settings = {item.name.upper() for item in fields(CognitoSettings) if item.init} - {"ALIAS"} | {"POOLS"}
    assert VALIDATORS.keys() | RANGES.keys() == settings == set(DECLARATIONS)
    assert not VALIDATORS.keys() & RANGES.keys()


def test_setting_has_the_validator_for_its_values() -> None:
    with cases() as case:
        for key, validator in VALIDATORS.items():
            with case(key):
                if isinstance(validator, str):
                    assert DECLARATIONS[key].validator.expected == validator
                else:
                    assert DECLARATIONS[key].validator is validator


@pytest.mark.parametrize(("key", "value_range"), RANGES.items())
def test_number_setting_has_a_least_and_a_greatest_value(key: str, value_range: tuple[float, float]) -> None:
    (low, high), validator = value_range, DECLARATIONS[key].validator
    is_or_none = key in OR_NONE
    words = f"a number of {UNITS.get(key, 'seconds')} from {low} to {high}"
    assert validator.expected == (f"None, or {words}" if is_or_none else words)
    assert [validator.is_valid(value) for value in (low, high, low - 1, high + 1)] == [True, True, False, False]
    assert validator.is_valid(None) is is_or_none


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("TOKENS_OF_OTHER_POOLS", ("reject", "allow")),
        ("WITHOUT_CACHE", ("reject", "allow")),
        ("PROFILE_SOURCE", ("id_token", "userinfo")),
    ],
)
def test_choice_setting_accepts_its_choices_only(key: str, values: tuple[str, ...]) -> None:
    is_valid = DECLARATIONS[key].validator.is_valid
    assert all(map(is_valid, values))
    assert not any(map(is_valid, ("Reject", "userInfo", "", None, True, list(values))))


def test_invalid_value_is_a_problem_with_the_expected_value() -> None:
    with cases() as case:
        for key, value in [*((key, object()) for key in DECLARATIONS), ("POOLS", {})]:
            with case(f"{key} {value}"):
                (problem,) = find_problems({**REQUIRED, key: value})
                assert problem.id == "django_cognito.E004"
                assert problem.message.startswith(f"COGNITO[{key!r}] must be {DECLARATIONS[key].validator.expected}")


ALL_SETTINGS: dict[str, Any] = {
    "CLIENT_SECRET": SimpleLazyObject(lambda: pytest.fail("a secret was read at start-up")),
    "IDENTITY_POOL_ID": "eu-west-1:12345678-90ab-cdef-1234-567890abcdef",
    "LOGINS_KEY": "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI",
    "RESOURCE": "https://api.example.com",
    "TOKEN_USE": "id",
    "TOKEN_SOURCES": ["X-Amzn-Oidc-Accesstoken", "Authorization"],
    "PROFILE_SOURCE": "userinfo",
    "GROUPS_CLAIM": "custom:groups",
    "TOKENS_OF_OTHER_POOLS": "allow",
    "POOL_RESOLVER": lambda request: "acme",
    "ATTRIBUTES": {"email": "email"},
    "GROUPS": {"e": {"groups": ["a"], "permissions": ["a.b"], "staff": True, "superuser": False}, "none": {}},
    "SCOPES_TO_PERMISSIONS": {"notes/read": ["notes.view_note"], "notes/write": []},
    "REDIRECT_URI": "https://www.example.com/auth/callback/",
    "IDENTITY_PROVIDERS": (
        "Google",
        {"name": "AcmeSAML", "label": "Acme", "domains": ["acme.com"]},
        {"idp_identifier": "umbrella.example"},
    ),
    "LINKING_MAX_AGE_SECONDS": None,
    "REMEMBERED_GROUPS_SECONDS": None,
}


# DOMAIN, ISSUER and CLIENT_IDS are also checked when the pool is built from them.
@pytest.mark.parametrize(
    "changes",
    [
        pytest.param(ALL_SETTINGS, id="all settings"),
        *(
            {"DOMAIN": value}
            for value in ("", "login.example.com", "https://login.example.com", "http://localhost:9229")
        ),
        *(
            {"ISSUER": value}
            for value in ("", "https://i.example.com", ["https://a.example.com", "https://b.example.com"], ())
        ),
        *({"CLIENT_IDS": value} for value in (["a", "b"], ("a",), [])),
        *({"REDIRECT_URI": value} for value in ("", "http://localhost:8000/auth/callback/")),
        dict.fromkeys(("IDENTITY_POOL_ID", "CLIENT_SECRET", "LOGINS_KEY", "RESOURCE", "POOL_RESOLVER"), ""),
        {"ATTRIBUTES": {}, "GROUPS": {}, "SCOPES_TO_PERMISSIONS": {}, "IDENTITY_PROVIDERS": [], "TOKEN_CACHE_SIZE": 0},
    ],
)
def test_valid_settings_have_no_problem(changes: dict[str, Any]) -> None:
    assert find_problems({**REQUIRED, **changes}) == []


@pytest.mark.parametrize(
    ("grant", "word"),
    [
        (None, "must be a dict"),
        (["Writers"], "must be a dict"),
        ({"group": ["a"]}, "Did you mean 'groups'?"),
        ({"permission": ["a.b"]}, "Did you mean 'permissions'?"),
        ({"is_staff": True}, "Did you mean 'staff'?"),
        ({"groups": "Writers"}, "a list of Django group names"),
        ({"permissions": ["change_note"]}, "such as 'notes.change_note'"),
        ({"staff": 1}, "True or False"),
        ({"superuser": "yes"}, "True or False"),
    ],
)
def test_invalid_grant_is_a_problem_of_its_group(grant, word) -> None:
    (problem,) = find_problems({**REQUIRED, "GROUPS": {"editors": grant}})
    assert problem.id == "django_cognito.E005"
    assert "['editors']" in problem.message
    assert word in problem.message + problem.hint


def test_grant_keys_have_the_validators_for_their_values() -> None:
    assert {
        "groups": Validator(is_text_list, "a list of Django group names"),
        "permissions": PERMISSION_LIST,
        "staff": BOOLEAN,
        "superuser": BOOLEAN,
    } == GRANT_VALIDATORS


# The app client of Swagger UI

_DOCS = {**REQUIRED, "DOMAIN": "login.example.com", "CLIENT_IDS": [REQUIRED["CLIENT_ID"], "1docs"]}


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"DOCS_CLIENT_ID": "1docs"}, ""),
        ({"DOCS_CLIENT_ID": REQUIRED["CLIENT_ID"]}, ""),
        ({"DOCS_CLIENT_ID": "1docs", "CLIENT_SECRET": "a secret of the login's client"}, ""),
        ({"DOCS_CLIENT_ID": "1docs", "DOMAIN": ""}, "needs DOMAIN"),
        ({"DOCS_CLIENT_ID": "1other"}, "CLIENT_IDS"),
        (
            {"DOCS_CLIENT_ID": REQUIRED["CLIENT_ID"], "CLIENT_SECRET": "a secret of the login's client"},
            "a client secret",
        ),
        ({"DOCS_CLIENT_ID": REQUIRED["CLIENT_ID"], "CLIENT_SECRET": lambda: "a secret"}, "a client secret"),
        ({"DOCS_CLIENT_ID": REQUIRED["CLIENT_ID"], "CLIENT_SECRET_ARN": SECRET_ARN}, "a client secret"),
    ],
)
def test_docs_client_that_cannot_work_is_a_problem(changes, word) -> None:
    problems = find_problems({**_DOCS, **changes})
    assert [problem.id for problem in problems] == (["django_cognito.E040"] if word else [])
    assert all(word in problem.message and problem.hint for problem in problems)


# Several pools


ACME = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
ZEN = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}


def test_pools_inherit_the_settings_of_the_site() -> None:
    assert find_problems({"POOLS": {"acme": ACME, "zen": ZEN}, "SCOPES": ["openid"], "TOKEN_USE": "id"}) == []


@pytest.mark.parametrize(
    ("pools", "expected"),
    [
        ({"acme": {**ACME, "CLIENTID": "x"}}, [("E002", "Did you mean 'CLIENT_ID'?")]),
        ({"acme": {**ACME, "TOKEN_USE": "id"}}, [("E002", "")]),  # a setting of the site only
        ({"acme": {"CLIENT_ID": "1acme"}}, [("E003", "")]),
        ({"acme": {**ACME, "SCOPES": "openid"}}, [("E004", "")]),
        ({"acme": {**ACME, "GROUPS": {"a": {"group": []}}}}, [("E005", "")]),
        ({"acme": {**ACME, "DOMAIN": "http://a.example.com"}}, [("E006", "")]),
        ({"acme": None}, [("E012", "")]),
        ({"acme": ["x"], "": ACME, 5: ACME}, [("E012", "")] * 3),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "MIRROR_GROUPS": True}}, [("E013", "")]),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "RESOURCE": "https://z.example"}}, [("E013", "")]),
        *[
            ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", key: value}}, [("E013", "")])
            for key, value in {
                "LINK_BY_VERIFIED_EMAIL": True,
                "USERNAME": "email",
                "ATTRIBUTES": {},
                "CREATE_USERS": False,
            }.items()
        ],
        ({"acme": ACME, "zen": {**ACME}}, [("E014", "")]),
        ({"acme:x": {**ACME, "MIRROR_GROUPS": True}, "zen:x": ZEN}, [("E016", "MIRROR_GROUPS")]),
        ({"a" * 22: {**ACME, "MIRROR_GROUPS": True}, "zen": ZEN}, [("E016", "21 characters")]),
        ({"a" * 21: {**ACME, "MIRROR_GROUPS": True}, "zen" * 10: ZEN, "zen:x": {**ZEN, "CLIENT_ID": "1x"}}, []),
        ({"acme": ACME, "zen": {**ACME, "CLIENT_ID": "1zen", "CLIENT_IDS": ["1zen", "1acme"]}}, [("E014", "")]),
        (
            {"acme": {**ACME, "ISSUER": "https://i.example"}, "zen": {**ZEN, "ISSUER": "https://i.example"}},
            [("E006", "")],
        ),
    ],
)
def test_invalid_pools_are_problems_that_name_the_pool(pools, expected) -> None:
    problems = find_problems({"POOLS": pools})
    assert [problem.id for problem in problems] == [f"django_cognito.{number}" for number, _ in expected]
    for problem, (number, hint) in zip(problems, expected, strict=True):
        assert hint in problem.hint
        assert number == "E006" or "COGNITO['POOLS']" in problem.message


def test_service_users_of_all_user_pools_are_a_problem() -> None:
    users = {"SERVICE_USERS": {"1acme": "importer"}}
    (problem,) = find_problems({"POOLS": {"acme": ACME, "zen": ZEN}, **users})
    assert (problem.id, "Set SERVICE_USERS in POOLS" in problem.hint) == ("django_cognito.E017", True)
    assert find_problems({"POOLS": {"acme": {**ACME, **users}, "zen": ZEN}}) == []
    assert find_problems({"POOLS": {"acme": ACME, "beta": {**ACME, "CLIENT_ID": "1beta"}}, **users}) == []


def test_aliases_of_one_pool_share_it_with_all_clients(settings) -> None:
    tenants = {"acme": ACME, "beta": {**ACME, "CLIENT_ID": "1beta", "CLIENT_IDS": ["1beta", "1beta-app"]}, "zen": ZEN}
    settings.COGNITO = {"POOLS": tenants}
    registry = get_pool_registry()
    assert [(pool.user_pool_id, pool.client_ids) for pool in registry.user_pools] == [
        ("eu-west-1_AcmePool1", ("1acme", "1beta", "1beta-app")),
        ("us-east-1_ZenPool01", ("1zen",)),
    ]
    assert registry.first is get_settings() is registry.by_alias["acme"]


@pytest.mark.parametrize(
    ("client_id", "alias"), [("1acme", "acme"), ("1beta", "beta"), ("1beta-app", "beta"), ("", "acme"), ("1x", "acme")]
)
def test_alias_is_selected_by_pool_and_client(settings, client_id, alias) -> None:
    beta = {**ACME, "CLIENT_ID": "1beta", "CLIENT_IDS": ["1beta-app"]}
    settings.COGNITO = {"POOLS": {"zen": ZEN, "acme": ACME, "beta": beta}}
    assert get_pool_registry().for_token("eu-west-1_AcmePool1", client_id).alias == alias


def test_pool_that_is_not_configured_has_no_alias(settings) -> None:
    settings.COGNITO = {"POOLS": {"zen": ZEN, "acme": ACME}}
    assert get_pool_registry().find("eu-west-1_GonePool1", "1zen") is None
    assert get_pool_registry().for_token("eu-west-1_GonePool1", "1zen").alias == "zen"


@pytest.mark.parametrize("name", ["", 5, None])
def test_group_without_a_name_is_a_problem(name) -> None:
    assert _ids({**REQUIRED, "GROUPS": {name: {}}}) == ["E005"]


@pytest.mark.parametrize(
    "change",
    [
        {"USER_POOL_ID": "eu-west-1"},
        {"USER_POOL_ID": "eu-west-1_Ab/../x"},
        {"DOMAIN": "http://login.example.com"},
        {"ISSUER": "http://issuer.example.com"},
        {"ISSUER": "issuer.example.com"},
        {"JWKS_URI": "file:///etc/passwd"},
        {"ENDPOINT_URL": "http://169.254.169.254"},
    ],
)
def test_invalid_user_pool_is_a_problem(change) -> None:
    assert _ids({**REQUIRED, **change}) == ["E006"]


@pytest.mark.parametrize(
    "change",
    [
        {"JWKS_HARD_MAX_AGE_SECONDS": 60},
        {"JWKS_MAX_AGE_SECONDS": 172_800},
        {"JWKS_MAX_AGE_SECONDS": 61, "JWKS_HARD_MAX_AGE_SECONDS": 60},
    ],
)
def test_hard_max_age_below_max_age_is_a_problem(change) -> None:
    assert _ids({**REQUIRED, **change}) == ["E007"]


def test_problems_do_not_contain_the_secret() -> None:
    problems = str(find_problems({**REQUIRED, "CLIENT_SECRET": " s3cret\0", "ISSUER": "x"}))
    assert "s3cret" not in problems


# The cached settings


def test_setting_that_is_not_set_has_its_default() -> None:
    with override_settings(COGNITO=REQUIRED):
        cognito = get_settings()
    assert (cognito.token_use, cognito.leeway_seconds, cognito.create_users, cognito.link_by_verified_email) == (
        "access",
        10,
        True,
        False,
    )
    assert cognito.user_pool.client_ids == ("1example23456789",)
    assert cognito.attributes == {"email": "email", "first_name": "given_name", "last_name": "family_name"}


def test_lists_and_one_issuer_are_converted_to_tuples() -> None:
    with override_settings(COGNITO={**REQUIRED, "ISSUER": "https://i.example.com", "CLIENT_IDS": ["a", "b"]}):
        cognito = get_settings()
    assert (cognito.issuer, cognito.client_ids) == (("https://i.example.com",), ("a", "b"))
    assert cognito.user_pool.issuers == ("https://i.example.com",)


def test_client_ids_replace_the_client_on_api_requests() -> None:
    with override_settings(COGNITO={**REQUIRED, "CLIENT_IDS": ["other"]}):
        assert get_settings().user_pool.client_ids == ("other",)
        assert get_settings().client_id == "1example23456789"


def test_groups_are_converted_to_grants() -> None:
    grant = {"groups": ["Writers"], "permissions": ["a.b", "a.b"], "staff": True}
    with override_settings(COGNITO={**REQUIRED, "GROUPS": {"editors": grant, "none": {}}}):
        assert get_settings().groups == {
            "editors": GroupGrant(("Writers",), frozenset({"a.b"}), True, False),
            "none": GroupGrant(),
        }


def test_settings_are_cached_until_they_change() -> None:
    first = get_settings()
    with override_settings(DEBUG=True):
        assert get_settings() is first
    with override_settings(COGNITO={**REQUIRED, "LEEWAY_SECONDS": 5}):
        assert get_settings().leeway_seconds == 5
    assert get_settings().leeway_seconds == first.leeway_seconds


def test_invalid_settings_raise_the_message_of_the_check() -> None:
    with override_settings(COGNITO={**REQUIRED, "LEWAY_SECONDS": 5}), pytest.raises(ImproperlyConfigured) as raised:
        get_settings()
    assert str(raised.value) == "COGNITO has the unknown key 'LEWAY_SECONDS'. Did you mean 'LEEWAY_SECONDS'?"


def test_missing_settings_are_improperly_configured() -> None:
    with override_settings(COGNITO=None), pytest.raises(ImproperlyConfigured, match="COGNITO is missing"):
        get_settings()


def test_error_report_of_wrong_settings_has_no_secret() -> None:
    wrong = {**REQUIRED, "CLIENT_SECRET": "s3cret", "LEWAY_SECONDS": 5}
    with override_settings(COGNITO=wrong), pytest.raises(ImproperlyConfigured) as raised:
        get_settings()
    frames = [entry.frame for entry in raised.traceback if "django_cognito" in entry.frame.code.raw.co_filename]
    assert frames
    assert "s3cret" not in repr([frame.f_locals for frame in frames])


def test_concurrent_threads_get_the_same_settings(settings) -> None:
    settings.COGNITO = dict(REQUIRED)
    barrier, results = threading.Barrier(8), []

    def read() -> None:
        barrier.wait(timeout=120)
        results.append(get_settings())

    threads = [threading.Thread(target=read) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(map(id, results))) == 1


def test_repr_does_not_contain_the_secret() -> None:
    with override_settings(COGNITO={**REQUIRED, "CLIENT_SECRET": "s3cret"}):
        assert "s3cret" not in repr(get_settings())


@pytest.mark.parametrize(
    ("pool", "key"),
    [
        ("eu-west-1_AbCdEfGhI", "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AbCdEfGhI"),
        ("cn-north-1_AbCdEfGhI", "cognito-idp.cn-north-1.amazonaws.com.cn/cn-north-1_AbCdEfGhI"),
    ],
)
def test_logins_key_is_the_original_issuer(settings, pool, key) -> None:
    settings.COGNITO = {**REQUIRED, "USER_POOL_ID": pool, "ISSUER": f"https://issuer-{key}"}
    assert get_settings().logins_key == key


# The source of the client secret


@pytest.mark.parametrize("kind", ["text", "function", "lazy"])
def test_two_sources_of_the_client_secret_are_a_problem(kind) -> None:
    unread = SimpleLazyObject(lambda: pytest.fail("a secret was read at start-up"))
    secret = {"text": "a secret", "function": lambda: "a secret", "lazy": unread}[kind]
    (problem,) = find_problems({**REQUIRED, "CLIENT_SECRET": secret, "CLIENT_SECRET_ARN": SECRET_ARN})
    assert problem.id == "django_cognito.E041"
    assert "CLIENT_SECRET and CLIENT_SECRET_ARN" in problem.message


def test_arn_of_an_alias_and_secret_of_the_site_are_a_problem() -> None:
    pools = {"a": {**REQUIRED, "CLIENT_SECRET_ARN": SECRET_ARN}}
    (problem,) = find_problems({"CLIENT_SECRET": "a secret", "POOLS": pools})
    assert problem.id == "django_cognito.E041"


@pytest.mark.parametrize("changes", [{"CLIENT_SECRET": ""}, {}])
def test_arn_alone_is_a_valid_source(changes) -> None:
    assert find_problems({**REQUIRED, "CLIENT_SECRET_ARN": SECRET_ARN, **changes}) == []
