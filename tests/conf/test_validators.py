"""Validators of settings: each with values that it accepts and refuses. `test_schema.py` tests who uses which."""

from typing import Any

import pytest
from django.utils.functional import SimpleLazyObject

from django_cognito.conf.schema import DECLARATIONS
from django_cognito.conf.validators import (
    BOOLEAN,
    HOST_LIST,
    PERMISSION_LIST,
    TEXT,
    TEXT_LIST,
    TEXT_OR_EMPTY,
    URL_OR_EMPTY,
    Validator,
    number_between,
    number_between_or_none,
    one_of,
)

LAZY = SimpleLazyObject(lambda: "lazy")
# The name in the ids of the tests, the validator, the values that it accepts, and the values that it refuses.
VALUES: list[tuple[str, Validator, list[Any], list[Any]]] = [
    (
        "text",
        TEXT,
        ["x", "a b", "cognito:groups", "custom:groups"],
        ["", "  ", "a\0b", 5, None, ["x"], b"x", LAZY],
    ),
    (
        "text or empty",
        TEXT_OR_EMPTY,
        ["", "login.example.com", "https://login.example.com", "http://localhost:9229"],
        [None, 5, " ", "a\0", ["x"], b"", LAZY],
    ),
    ("text list", TEXT_LIST, [["a", "b"], ("a",), [], ()], ["one", [""], [5], ["a", None], {"a"}, None, 5]),
    (
        "host list",
        HOST_LIST,
        [[], ["app.example.com"], ("localhost:3000",), ["127.0.0.1", "[::1]:8000"]],
        [None, "app.example.com", ["https://app.example.com"], ["app.example.com/"], ["*"], ["a b"], ["a:b"], [None]],
    ),
    ("boolean", BOOLEAN, [True, False], [1, 0, None, "True", "yes", []]),
    (
        "URL or empty",
        URL_OR_EMPTY,
        ["", "https://www.example.com/auth/callback/", "http://localhost:8000/auth/callback/"],
        ["/auth/callback/", "/", "http://www.example.com/", "www.example.com", "ftp://example.com/", 5, None],
    ),
    (
        "permission list",
        PERMISSION_LIST,
        [[], ["notes.view_note"], ("a.b", "a.b")],
        [None, "a.b", ["change_note"], ["view"], ["a.b.c"], ["a. b"], [None]],
    ),
    (
        "number",
        number_between(0, 60),
        [0, 1, 60, 0.5, 2.5],
        [-1, 61, "10", "15", None, True, False, [], float("nan"), float("inf"), float("-inf")],
    ),
    ("number or None", number_between_or_none(1, 60), [None, 1, 60, 2.5], [0, -1, 61, "60", True, float("nan")]),
    (
        "one of",
        one_of("access", "id"),
        ["access", "id"],
        ["both", "", "ACCESS", "Id", "access or id", None, True, ["id"]],
    ),
    (
        "secret",
        DECLARATIONS["CLIENT_SECRET"].validator,
        ["", "s3cret", lambda: "s3cret", SimpleLazyObject(lambda: pytest.fail("a secret was read at start-up"))],
        [None, 5, " ", ["x"], "a\0"],
    ),
    (
        "issuer",
        DECLARATIONS["ISSUER"].validator,
        ["", "https://issuer.example.com", ["https://a.example.com", "https://b.example.com"], ()],
        [None, 5, " ", [""], [None]],
    ),
    (
        "identity pool id",
        DECLARATIONS["IDENTITY_POOL_ID"].validator,
        ["", "eu-west-1:12345678-90ab-cdef-1234-567890abcdef"],
        ["eu-west-1_AbCdEfGhI", "eu-west-1:", 5, None, " "],
    ),
    (
        "attributes",
        DECLARATIONS["ATTRIBUTES"].validator,
        [{}, {"email": "email"}],
        [None, ["email"], {"email": ""}, {"": "email"}, {"email": None}, {5: "email"}],
    ),
    (
        "groups",
        DECLARATIONS["GROUPS"].validator,
        [{}, {"editors": {}}, {"e": {"groups": ["a"], "permissions": ["a.b"], "staff": True, "superuser": False}}],
        [None, ["editors"], "editors"],
    ),
    (
        "scopes to permissions",
        DECLARATIONS["SCOPES_TO_PERMISSIONS"].validator,
        [{}, {"notes/read": ["notes.view_note"], "notes/write": []}],
        [None, ["a"], {"a": "notes.view_note"}, {"a": ["view"]}, {"a": None}],
    ),
    (
        "service users",
        DECLARATIONS["SERVICE_USERS"].validator,
        [{}, {"2machine": "importer", "3machine": "importer"}],
        [None, ["a"], {"a": ""}, {"": "a"}, {"a": None}, {5: "a"}, {"a": ["importer"]}, {"a": "b\0"}],
    ),
    (
        "scopes",
        DECLARATIONS["SCOPES"].validator,
        [["openid"], ("openid", "email")],
        [["email"], [], "openid", None, [""]],
    ),
    (
        "identity providers",
        DECLARATIONS["IDENTITY_PROVIDERS"].validator,
        [
            [],
            ["COGNITO", "Google"],
            ({"name": "AcmeSAML", "label": "Acme", "domains": ["acme.com"]}, {"idp_identifier": "umbrella.example"}),
        ],
        [
            None,
            "Google",
            [""],
            [5],
            [{}],
            [{"label": "Google"}],
            [{"name": "Google", "idp_identifier": "google.example"}],
            [{"name": "Google", "provider": "x"}],
            [{"name": ""}],
            [{"name": "Google", "label": ""}],
            [{"name": "Google", "domains": "acme.com"}],
            [{"name": "Google", "domains": [""]}],
        ],
    ),
    (
        "pool resolver",
        DECLARATIONS["POOL_RESOLVER"].validator,
        ["", "mysite.tenants.alias_of", lambda request: "acme"],
        [None, 5, " ", ["a"]],
    ),
    ("pools", DECLARATIONS["POOLS"].validator, [{"acme": {}}], [None, {}, [], "acme", ["acme"]]),
]


def _wrong_results(column: int, expected: bool) -> list[tuple[str, Any]]:
    """Return the values of a column for which the validator of their row does not return `expected`."""
    return [(row[0], value) for row in VALUES for value in row[column] if row[1].is_valid(value) is not expected]


def test_validator_accepts_value() -> None:
    assert _wrong_results(2, True) == []


def test_validator_refuses_value() -> None:
    assert _wrong_results(3, False) == []
