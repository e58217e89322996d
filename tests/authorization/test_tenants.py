"""Tenants in one user pool: which of them a user has, which groups belong to each, what counts without a request."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from django_cognito.authorization.rights import NO_RIGHTS, Rights, add_tenant, get_mapped_permissions, get_rights
from django_cognito.authorization.tenants import Tenant, find_tenants, join_group, split_group
from django_cognito.backends import CognitoBackend
from django_cognito.conf.loading import get_pool_registry, get_settings
from django_cognito.core.tokens.token import build_token, read_unverified
from django_cognito.models import CognitoUser
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.users import django_groups, link_of, token

PREFIX: dict[str, Any] = {
    "TENANT": {"group_prefix": "org/"},
    "TENANT_GROUPS": {
        "editors": {"permissions": ["auth.change_group"]},
        "viewers": {"permissions": ["auth.view_group"]},
    },
    "GROUPS": {"support": {"permissions": ["auth.view_user"], "staff": True}},
}
CLAIM = {**PREFIX, "TENANT": {"claim": "custom:tenant_id"}}
PERMISSIONS = ("auth.change_group", "auth.view_group", "auth.view_user")


def read_tokens(*raw: str) -> list[Any]:
    return [build_token(read_unverified(item), get_settings().user_pool_id) for item in raw]


def permissions_of(user: Any) -> set[str]:
    return {name for name in PERMISSIONS if user.has_perm(name)}


# Names of groups


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("org/acme/editors", ("acme", "editors")),
        ("org/acme-2/editors", ("acme-2", "editors")),
        ("org/acme", ("acme", "")),
        ("org/Acme GmbH/editors", ("Acme GmbH", "editors")),
        ("org/テナント/editors", ("テナント", "editors")),
        ("org/acme:eu/editors", ("acme:eu", "editors")),
        ("org/org/org", ("org", "org")),
        ("org/acme/eu/editors", None),
        ("org/acme/", None),
        ("org//editors", None),
        ("org/", None),
        ("org/ acme/editors", None),
        ("org/acme /editors", None),
        ("org/ac\u200bme/editors", None),
        ("org/\0/editors", None),
        (f"org/{'a' * 129}", None),
        ("ORG/acme/editors", None),
        ("organisation/acme/editors", None),
        ("my/org/acme/editors", None),
        ("editors", None),
    ],
)
def test_group_belongs_to_exactly_one_tenant_or_none(cognito, name, expected) -> None:
    cognito(**PREFIX)
    assert split_group(name, get_settings()) == expected
    if expected and expected[1]:
        assert join_group(expected[1], expected[0], get_settings()) == name


def test_colon_separates_names_after_a_prefix_with_a_colon(cognito) -> None:
    cognito(TENANT={"group_prefix": "tenant:"})
    assert split_group("tenant:acme:editors", get_settings()) == ("acme", "editors")
    assert split_group("tenant:acme/eu:editors", get_settings()) == ("acme/eu", "editors")
    assert split_group("tenant:acme:eu:editors", get_settings()) is None


def test_tenants_have_the_order_of_the_groups(cognito) -> None:
    cognito(**PREFIX)
    names = ("org/umbrella", "support", "org/acme/editors", "org/umbrella/viewers", "org/x/y/z", "org/acme/viewers")
    expected = (Tenant("umbrella", ("viewers",)), Tenant("acme", ("editors", "viewers")))
    assert find_tenants(names, get_settings()) == expected


# Claims


@pytest.mark.parametrize("value", ["acme", "Acme GmbH", "acme/eu", "a" * 128, "テナント", "42"])
def test_claim_is_the_tenant_exactly(cognito, value) -> None:
    cognito(**CLAIM)
    tokens = read_tokens(token("editors", **{"custom:tenant_id": value}))
    assert find_tenants(("editors",), get_settings(), tokens) == (Tenant(value, ("editors",)),)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " ",
        " acme",
        "acme ",
        "ac\u200bme",
        "ac\0me",
        "acme\n",
        "a" * 129,
        42,
        True,
        ["acme"],
        {"a": 1},
    ],
)
def test_claim_of_another_form_is_no_tenant(cognito, value) -> None:
    cognito(**CLAIM)
    tokens = read_tokens(token("editors", **{"custom:tenant_id": value}))
    assert find_tenants(("editors",), get_settings(), tokens) == ()


def test_access_token_decides_before_the_id_token(cognito) -> None:
    cognito(**CLAIM)
    access_token = token("editors", **{"custom:tenant_id": "acme"})
    id_token = token("viewers", token_use="id", **{"custom:tenant_id": "umbrella"})
    for raw, expected in (
        ([access_token, id_token], Tenant("acme", ("editors",))),
        ([id_token], Tenant("umbrella", ("viewers",))),
        ([token("editors"), id_token], Tenant("umbrella", ("viewers",))),
    ):
        assert find_tenants(("editors", "viewers"), get_settings(), read_tokens(*raw)) == (expected,)


def test_groups_are_those_of_a_token_with_the_same_tenant(cognito) -> None:
    """With GROUPS_CLAIM only the ID token states groups, and it may be of another tenant than the access token."""
    cognito(**CLAIM, GROUPS_CLAIM="custom:groups")
    access_token = token(**{"custom:tenant_id": "acme"})
    for tenant, groups in (("acme", ("editors",)), ("umbrella", ())):
        id_token = token(token_use="id", **{"custom:tenant_id": tenant, "custom:groups": "editors"})
        tenants = find_tenants(("editors",), get_settings(), read_tokens(access_token, id_token))
        assert tenants == (Tenant("acme", groups),)


def test_function_gets_the_token_and_its_answer_is_checked(cognito) -> None:
    for answer, expected in (("acme", (Tenant("acme", ("editors",)),)), (None, ()), ("", ()), (7, ()), (["acme"], ())):
        received: list[Any] = []

        def function(token: Any, received: Any = received, answer: Any = answer) -> Any:
            received.append(token.client_id)
            return answer

        cognito(**{**CLAIM, "TENANT": {"function": function}})
        assert find_tenants(("editors",), get_settings(), read_tokens(token("editors"))) == expected
        assert received == [get_settings().client_id]


def test_site_without_tenant_has_none(cognito) -> None:
    cognito(TENANT_GROUPS=PREFIX["TENANT_GROUPS"])
    tokens = read_tokens(token("editors", **{"custom:tenant_id": "acme"}))
    rights = Rights(("editors",), all_groups=((get_settings().user_pool_id, ("editors",)),))
    assert add_tenant(rights, get_settings(), tokens, None) == rights
    assert get_mapped_permissions(rights) == frozenset()


# Selection


@pytest.mark.parametrize("answer", ["beta", "ACME", "acme ", "", None, 5, True, ["acme"], ("acme",), b"acme", object()])
def test_selector_adds_no_tenant_to_the_users(cognito, answer) -> None:
    cognito(**{**PREFIX, "TENANT": {"group_prefix": "org/", "selector": lambda request, tenants: answer}})
    groups = ("org/acme/editors", "org/umbrella/viewers")
    rights = Rights((), all_groups=((get_settings().user_pool_id, groups),))
    selected = add_tenant(rights, get_settings(), [], None)
    assert (selected.tenant, selected.tenants, selected.groups) == (None, ("acme", "umbrella"), ())
    assert get_mapped_permissions(selected) == frozenset()


def test_selector_is_called_with_the_users_tenants_only(cognito) -> None:
    calls: list[Any] = []
    cognito(**{**PREFIX, "TENANT": {"group_prefix": "org/", "selector": lambda *arguments: calls.append(arguments)}})
    for groups in ((), ("support",), ("org/acme",), ("org/umbrella/viewers", "org/acme")):
        add_tenant(Rights((), all_groups=((get_settings().user_pool_id, groups),)), get_settings(), [], "request")
    assert calls == [("request", ("acme",)), ("request", ("umbrella", "acme"))]


def test_error_of_a_selector_is_raised(cognito) -> None:
    def select(request: Any, tenants: Any) -> Any:
        raise LookupError("no such host")

    cognito(**{**PREFIX, "TENANT": {"group_prefix": "org/", "selector": select}})
    rights = Rights((), all_groups=((get_settings().user_pool_id, ("org/acme",)),))
    with pytest.raises(LookupError):
        add_tenant(rights, get_settings(), [], None)


# Without a request


@pytest.mark.django_db
@pytest.mark.parametrize("configuration", [PREFIX, CLAIM], ids=["prefix", "claim"])
def test_without_a_request_no_right_of_a_tenant_counts(user_from_token, cognito, writes, configuration) -> None:
    cognito(**configuration)
    groups, claims = ("org/acme/editors", "editors", "support"), {"custom:tenant_id": "acme"}
    user = user_from_token(*groups, **claims)
    for loaded in (user, User.objects.get(pk=user.pk), authenticate(token(*groups, **claims))[0]):
        assert permissions_of(loaded) == {"auth.view_user"}
        assert CognitoBackend().get_group_permissions(loaded) == {"auth.view_user"}
        assert not CognitoBackend().has_module_perms(loaded, "sessions")
        assert get_rights(loaded).in_group("org/acme/editors") is (configuration is CLAIM)
        assert (get_rights(loaded).tenant, get_rights(loaded).tenants) == (None, ())
    users = User.objects.with_perm("auth.change_group", backend="django_cognito.backends.CognitoBackend")
    assert list(users) == []


@pytest.mark.django_db
def test_groups_of_tenants_store_no_grant_on_the_user(user_from_token, cognito) -> None:
    cognito(**PREFIX)
    user = user_from_token("org/acme/editors", "support", "org/acme/support")
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser, django_groups(user)) == (True, False, set())
    assert link_of(user).groups == ["org/acme/editors", "support", "org/acme/support"]
    user_from_token("org/acme/support", at=1)
    user.refresh_from_db()
    assert not user.is_staff


@pytest.mark.django_db
def test_tenant_of_a_copied_user_is_not_copied(user_from_token, cognito) -> None:
    cognito(**PREFIX)
    user = user_from_token("org/acme/editors")
    rights = add_tenant(get_rights(user), get_settings(), [], None)
    assert get_mapped_permissions(rights) == {"auth.change_group"}
    assert (rights.tenant, get_rights(user).tenant) == ("acme", None)  # the rights of a cached user do not change


# Several pools

POOLS = {
    "staff": {"USER_POOL_ID": "eu-west-1_StaffPool", "CLIENT_ID": "1staff", **PREFIX},
    "guests": {
        "USER_POOL_ID": "us-east-1_GuestPool",
        "CLIENT_ID": "1guests",
        "TENANT": {"group_prefix": "org/"},
        "TENANT_GROUPS": {"editors": {"permissions": ["auth.view_group"]}},
    },
    "open": {"USER_POOL_ID": "us-east-1_OpenPools", "CLIENT_ID": "1open"},
}


@pytest.mark.django_db
def test_group_of_another_pool_grants_by_its_own_tenant_groups(user_from_token, settings) -> None:
    settings.COGNITO = {"POOLS": POOLS}
    granted = {}
    for alias in POOLS:
        user = user_from_token("org/acme/editors", alias=alias)
        selected = add_tenant(get_rights(user), get_pool_registry().for_alias(alias), [], None)
        granted[alias] = (selected.tenant, set(get_mapped_permissions(selected)), selected.in_group("org/acme/editors"))
    assert granted == {
        "staff": ("acme", {"auth.change_group"}, True),
        "guests": ("acme", {"auth.view_group"}, True),
        "open": (None, set(), True),
    }


@pytest.mark.django_db
def test_stored_groups_of_all_pools_have_no_tenant(user_from_token, settings) -> None:
    settings.COGNITO = {"POOLS": POOLS}
    user = user_from_token("org/acme/editors", "support", alias="staff", username="erin", at=-9)
    user_from_token("org/acme/editors", alias="open", username="erin", at=-9)
    CognitoUser.objects.update(user=user)
    rights = get_rights(User.objects.get(pk=user.pk))
    assert rights.groups == ("support", "org/acme/editors")  # in `open`, the name has no meaning
    assert get_mapped_permissions(rights) == {"auth.view_user"}


def test_empty_rights_have_no_tenant() -> None:
    assert (NO_RIGHTS.tenant, NO_RIGHTS.tenants, NO_RIGHTS.tenant_groups) == (None, (), ())
