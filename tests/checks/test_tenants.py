"""TENANT and TENANT_GROUPS: claims that users may write, and grants that would count in every tenant."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cognito.conf.loading import get_settings
from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

EDITORS = {"editors": {"permissions": ["auth.change_group"]}}
MISTAKE = "TENANT reads a claim that users may write"


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize(
    "tenant",
    [
        *({"claim": name} for name in ("email", "profile", "locale", "name", "address", "preferred_username")),
        *({"claim": name} for name in ("username", "cognito:username", "nonce", "client_id", "aud", "scope")),
        {"claim": "cognito:groups"},
    ],
    ids=str,
)
def test_claim_that_users_write_is_an_error_and_stops_the_site(settings: Any, tenant: dict[str, str]) -> None:
    change_cognito(settings, TENANT=tenant)
    (message,) = find_messages("E019")
    assert repr(tenant["claim"]) in message.msg
    assert "group_prefix" in text_of(message)
    with pytest.raises(ImproperlyConfigured, match="TENANT"):
        get_settings()


@pytest.mark.mistake(MISTAKE, by="check")
@pytest.mark.parametrize("extra", [{"claim": "custom:tenant_id"}, {"group_prefix": "org/"}], ids=str)
def test_custom_attribute_is_a_warning_with_the_remedy(settings: Any, extra: dict[str, str]) -> None:
    groups_claim = {"GROUPS_CLAIM": "custom:groups"} if "group_prefix" in extra else {}
    change_cognito(settings, TENANT=extra, **groups_claim)
    (message,) = find_messages("W138")
    assert "WriteAttributes" in text_of(message)
    assert "sign-up" in message.msg
    settings.SILENCED_SYSTEM_CHECKS = ["django_cognito.W138"]
    assert message.is_silenced()


@pytest.mark.parametrize(
    "tenant",
    [
        {"claim": "tenant_id"},  # of a trigger
        {"claim": "dev:custom:tenant_id"},  # only an administrator writes it
        {"group_prefix": "org/"},
        {"function": "tests.web.test_tenants.tenant_of_scope"},
        pytest.param({"group_prefix": "org:", "selector": lambda request, tenants: None}, id="selector"),
        None,
    ],
    ids=str,
)
def test_source_that_users_cannot_write_is_accepted(settings: Any, tenant: Any) -> None:
    change_cognito(settings, TENANT=tenant, TENANT_GROUPS=EDITORS if tenant else {})
    assert find_check_ids() == []


def test_groups_claim_of_a_standard_attribute_is_an_error(settings: Any) -> None:
    change_cognito(settings, TENANT={"group_prefix": "org/"}, GROUPS_CLAIM="profile")
    assert find_check_ids() == ["E019"]


@pytest.mark.parametrize("key", ["staff", "superuser", "groups"])
def test_grant_on_the_user_row_is_refused_per_tenant(settings: Any, key: str) -> None:
    value = ["Writers"] if key == "groups" else True
    change_cognito(settings, TENANT={"group_prefix": "org/"}, TENANT_GROUPS={"editors": {key: value}})
    (message,) = find_messages("E018")
    assert f"COGNITO['TENANT_GROUPS']['editors'] grants {key!r}" in message.msg
    assert "would count in every tenant" in text_of(message)


@pytest.mark.parametrize("grant", [{"permissions": ["auth.change_group"]}, {"staff": True}, {}])
def test_group_of_a_tenant_is_refused_in_groups(settings: Any, grant: dict[str, Any]) -> None:
    change_cognito(settings, TENANT={"group_prefix": "org/"}, GROUPS={"org/acme/editors": grant, "orgs": grant})
    (message,) = find_messages("E018")
    assert "'org/acme/editors'" in message.msg
    assert "TENANT_GROUPS" in text_of(message)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"TENANT": {"group_prefix": "org/"}}, ["E018"]),
        ({"TENANT": {"claim": "tenant_id"}, "TENANT_GROUPS": EDITORS}, ["E018"]),
        ({"TENANT": {"claim": "tenant_id"}}, []),
    ],
)
def test_mirrored_groups_are_refused_per_tenant(settings: Any, changes: dict[str, Any], expected: list[str]) -> None:
    change_cognito(settings, MIRROR_GROUPS=True, **changes)
    assert find_check_ids() == expected


@pytest.mark.parametrize(
    "tenant",
    [
        "custom:tenant_id",
        {},
        {"selector": "tests.web.test_tenants.tenant_of_host"},
        {"claim": "tenant_id", "group_prefix": "org/"},
        {"claim": ""},
        {"claim": ["tenant_id"]},
        {"group_prefix": "org-"},
        {"group_prefix": "org"},
        {"group_prefix": ""},
        {"group_prefix": 5},
        {"function": 5},
        {"function": ""},
        {"claim": "tenant_id", "selector": None},
        {"claims": "tenant_id"},
    ],
    ids=str,
)
def test_source_of_another_form_is_an_error(settings: Any, tenant: Any) -> None:
    change_cognito(settings, TENANT=tenant)
    (message,) = find_messages("E004")
    assert "COGNITO['TENANT'] must be None, or a dict with one of 'claim', 'group_prefix'" in message.msg


@pytest.mark.parametrize("key", ["function", "selector"])
@pytest.mark.parametrize("path", ["tests.web.test_tenants.HOSTS", "tests.no_such_module.select", "select"])
def test_path_without_a_function_is_an_error(settings: Any, key: str, path: str) -> None:
    change_cognito(settings, TENANT={key: path} if key == "function" else {"group_prefix": "org/", key: path})
    (message,) = find_messages("E015")
    assert f"COGNITO['TENANT']['{key}'] names {path!r}" in message.msg


def test_tenant_groups_without_tenant_are_a_warning(settings: Any) -> None:
    change_cognito(settings, TENANT_GROUPS=EDITORS)
    (message,) = find_messages("W132")
    assert message.msg.startswith("COGNITO: TENANT_GROUPS has no effect")


def test_permission_of_tenant_groups_must_exist(settings: Any) -> None:
    change_cognito(
        settings, TENANT={"group_prefix": "org/"}, TENANT_GROUPS={"editors": {"permissions": ["auth.chnge_group"]}}
    )
    (message,) = find_messages("W122")
    assert "COGNITO['TENANT_GROUPS']['editors'] grants 'auth.chnge_group'" in message.msg


def test_permissions_of_tenant_groups_need_the_backend(settings: Any) -> None:
    settings.ROOT_URLCONF = "tests.checks.urls"
    settings.AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
    change_cognito(settings, DOMAIN="", TENANT={"group_prefix": "org/"}, TENANT_GROUPS=EDITORS)
    assert "E020" in find_check_ids()


def test_scopes_without_the_claim_of_the_tenant_are_a_warning(settings: Any) -> None:
    change_cognito(settings, TENANT={"claim": "custom:tenant_id"}, SCOPES=["openid", "email"], ATTRIBUTES={})
    (message,) = find_messages("W133")
    assert "'custom:tenant_id', which TENANT reads" in message.msg


def test_tenants_of_several_pools_are_a_warning(settings: Any) -> None:
    pools = {
        "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme", "DOMAIN": "acme.example.com"},
        "beta": {"USER_POOL_ID": "eu-west-1_BetaPool1", "CLIENT_ID": "1beta", "DOMAIN": "beta.example.com"},
    }
    settings.COGNITO = {"TENANT": {"group_prefix": "org/"}, "POOLS": pools}
    (message,) = find_messages("W139")
    assert "('acme', 'beta')" in message.msg
    settings.COGNITO = {"POOLS": {"acme": {**pools["acme"], "TENANT": {"group_prefix": "org/"}}, "beta": pools["beta"]}}
    assert find_messages("W139") == []
    settings.COGNITO = {"TENANT": {"function": lambda token: "acme"}, "POOLS": pools}
    assert find_messages("W139") == []


def test_aliases_of_one_pool_have_one_source_of_tenants(settings: Any) -> None:
    pool = {"USER_POOL_ID": "eu-west-1_AcmePool1", "DOMAIN": "acme.example.com"}
    settings.COGNITO = {
        "POOLS": {
            "site": {**pool, "CLIENT_ID": "1site", "TENANT": {"group_prefix": "org/"}},
            "app": {**pool, "CLIENT_ID": "1app"},
        }
    }
    (message,) = find_messages("E013")
    assert "differ in TENANT" in message.msg
