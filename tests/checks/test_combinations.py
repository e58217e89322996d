"""Settings that another setting makes useless."""

from typing import Any

import pytest

from tests.support.check_messages import change_cognito, find_check_ids, find_messages

COGNITO_BACKEND = "django_cognito.backends.CognitoBackend"
API = {"ROOT_URLCONF": "tests.checks.urls"}
TWICE = [{"name": "Acme", "domains": ["acme.com"]}, {"name": "Beta", "domains": ["beta.com", "ACME.com"]}]
GET_USER = {"API_PROFILE_SOURCE": "get_user"}
SCOPES = {"SCOPES_TO_PERMISSIONS": {"users/read": ["auth.view_user"]}}
SERVICE_USERS = {"SERVICE_USERS": {"1testclient23456789": "importer"}}


@pytest.mark.parametrize(
    ("changes", "site", "first_word"),
    [
        (SCOPES | {"TOKEN_USE": "id"}, {}, "SCOPES_TO_PERMISSIONS"),
        (SERVICE_USERS | {"TOKEN_USE": "id"}, {}, "SERVICE_USERS"),
        ({"RESOURCE": "https://api.example.com", "TOKEN_USE": "id"}, {}, "RESOURCE"),
        ({"USER_CACHE_SECONDS": 30, "TOKEN_CACHE_SIZE": 0}, {}, "USER_CACHE_SECONDS"),
        ({"KEEP_MISSING_ATTRIBUTES": ["email", "given_name"]}, {}, "KEEP_MISSING_ATTRIBUTES"),
        ({"API_PROFILE_SOURCE": "get_user", "TOKEN_USE": "id"}, {}, "API_PROFILE_SOURCE"),
        ({"API_PROFILE_SOURCE": "get_user", "ATTRIBUTES": {}}, {}, "API_PROFILE_SOURCE"),
        ({"API_PROFILE_SECONDS": 600}, {}, "API_PROFILE_SECONDS"),
        ({**GET_USER, "API_PROFILE_SECONDS": 60, "USER_CACHE_SECONDS": 90}, {}, "USER_CACHE_SECONDS"),
        ({"ADMIN_LOCAL_PASSWORD": True}, {"AUTHENTICATION_BACKENDS": [COGNITO_BACKEND]}, "ADMIN_LOCAL_PASSWORD"),
        ({"PROFILE_SOURCE": "userinfo"}, API, "ATTRIBUTES"),
        ({"PROFILE_SOURCE": "userinfo", "DOMAIN": ""}, API, "ATTRIBUTES"),
        ({"IDENTITY_PROVIDERS": ["Google"]}, API, "IDENTITY_PROVIDERS"),
        ({"IDENTITY_PROVIDERS": TWICE}, {}, "IDENTITY_PROVIDERS"),
        ({"SILENT_SIGN_IN": True, "DOMAIN": ""}, API, "SILENT_SIGN_IN"),
        ({"REMEMBER_ME_SECONDS": 60, "DOMAIN": ""}, API, "REMEMBER_ME_SECONDS"),
        ({"REMEMBER_ME_SECONDS": 61, "SESSION_MAX_SECONDS": 60}, {}, "REMEMBER_ME_SECONDS"),
    ],
)
def test_setting_without_effect_is_a_warning_that_names_it(
    settings: Any, changes: dict[str, Any], site: dict[str, Any], first_word: str
) -> None:
    change_cognito(settings, **changes)
    for name, value in site.items():
        setattr(settings, name, value)
    (message,) = find_messages("W132")
    assert message.msg.startswith(f"COGNITO: {first_word} ")
    assert message.hint


@pytest.mark.parametrize(
    ("changes", "site"),
    [
        (SCOPES, {}),
        (SERVICE_USERS, {}),
        ({"RESOURCE": "https://api.example.com"}, {}),
        ({"USER_CACHE_SECONDS": 30}, {}),
        ({"TOKEN_CACHE_SIZE": 0}, {}),
        ({"ADMIN_LOCAL_PASSWORD": True}, {}),
        ({"REMEMBER_ME_SECONDS": 60, "SESSION_MAX_SECONDS": 60}, {}),
        ({"PROFILE_SOURCE": "userinfo", "IDENTITY_PROVIDERS": ["Google"], "SILENT_SIGN_IN": True}, {}),
        ({"PROFILE_SOURCE": "userinfo", "ATTRIBUTES": {}}, API),
        ({"LINK_BY_VERIFIED_EMAIL": True}, {}),
        ({"KEEP_MISSING_ATTRIBUTES": ["first_name"]}, {}),
        ({**GET_USER, "API_PROFILE_SECONDS": 60, "USER_CACHE_SECONDS": 60}, {}),
    ],
)
def test_settings_that_fit_together_are_accepted(settings: Any, changes: dict[str, Any], site: dict[str, Any]) -> None:
    change_cognito(settings, **changes)
    for name, value in site.items():
        setattr(settings, name, value)
    assert find_check_ids() == []


def test_linking_by_email_without_an_email_field_is_a_warning(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from django.contrib.auth.models import User

    monkeypatch.setattr(User, "EMAIL_FIELD", "mail")
    change_cognito(settings, LINK_BY_VERIFIED_EMAIL=True)
    (message,) = find_messages("W132")
    assert "auth.User has no email field" in message.msg


def test_setting_of_two_aliases_is_reported_once(settings: Any) -> None:
    pool = {"USER_POOL_ID": "eu-west-1_AcmePool1", "DOMAIN": "login.example.com"}
    pools = {"a": pool | {"CLIENT_ID": "1"}, "b": pool | {"CLIENT_ID": "2"}}
    settings.COGNITO = {"POOLS": pools, "USER_CACHE_SECONDS": 30, "TOKEN_CACHE_SIZE": 0}
    assert find_check_ids() == ["W132"]


@pytest.mark.parametrize(
    ("scopes", "changes", "scope"),
    [
        (["openid", "email", "profile"], {"ATTRIBUTES": {"first_name": "phone_number"}}, "phone"),
        (["openid", "email"], {"ATTRIBUTES": {"first_name": "given_name"}}, "profile"),
        (["openid", "email"], {"ATTRIBUTES": {}, "GROUPS_CLAIM": "custom:groups"}, "profile"),
        (["openid", "email"], {"ATTRIBUTES": {}, "USERNAME": "preferred_username"}, "profile"),
        (["openid", "profile"], {"ATTRIBUTES": {}, "USERNAME": "email"}, "email"),
        (["openid", "phone"], {"ATTRIBUTES": {}, "LINK_BY_VERIFIED_EMAIL": True}, "email"),
        (["openid", "profile"], {"ATTRIBUTES": {"email": "email"}, "DOMAIN": ""}, ""),
        (["openid"], {"ATTRIBUTES": {"email": "email"}}, ""),
        (["openid", "notes/read"], {"ATTRIBUTES": {"email": "email"}}, ""),
        (["openid", "profile"], {"ATTRIBUTES": {"last_name": "department"}}, ""),
    ],
)
def test_claim_that_the_scopes_exclude_is_a_warning(
    settings: Any, scopes: list[str], changes: dict[str, Any], scope: str
) -> None:
    change_cognito(settings, SCOPES=scopes, **changes)
    messages = find_messages("W133")
    assert [str(message.hint).split(" to SCOPES")[0] for message in messages] == [f"Add {scope!r}"] * bool(scope)
    assert all(str(scopes) in message.msg for message in messages)
