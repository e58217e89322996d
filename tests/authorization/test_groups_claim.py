"""Groups of a company's directory: ID tokens bring them, access tokens say nothing of them, and nothing goes backwards.

The people here are told of over time, as in `test_users_in_step`; `cn` is the claim GROUPS_CLAIM.
"""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import User
from django.test import AsyncClient, Client

from django_cognito.authorization.rights import get_rights
from django_cognito.models import CognitoMembership, CognitoUser
from tests.support.callers import with_id_token
from tests.support.user_scenario import GROUPS, django_groups, link_of, token

CLAIM = "custom:groups"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("directory")]


@pytest.fixture
def directory(cognito: Any) -> None:
    """A site whose people's groups stand in an attribute."""
    cognito(GROUPS=GROUPS, GROUPS_CLAIM=CLAIM)


def named(*names: str) -> dict[str, str]:
    """The claim that names these groups, as Cognito writes it; without any, none."""
    return {CLAIM: f"[{','.join(names)}]"} if names else {}


def has(user: Any) -> tuple[bool, set[str], tuple[str, ...], bool]:
    """What the database and the token's rights give: staff, Django groups, Cognito groups, a permission."""
    user.refresh_from_db()
    return user.is_staff, django_groups(user), get_rights(user).groups, user.has_perm("auth.change_group")


NOTHING: Any = (False, set(), (), False)
EVERYTHING: Any = (True, {"Writers", "Readers"}, ("editors", "helpers"), True)
BOTH = named("editors", "helpers")


# Who says something


def test_an_api_request_before_any_login_gives_nothing(told) -> None:
    assert has(told("editors", "admins")) == NOTHING
    assert not CognitoMembership.objects.exists()


def test_after_it_a_login_of_the_same_second_or_an_earlier_one_is_heard_all_the_same(told) -> None:
    for at in (0, -60):
        CognitoUser.objects.all().delete()
        User.objects.all().delete()
        told()
        assert has(told(at=at, token_use="id", **BOTH)) == EVERYTHING


def test_a_login_gives_by_its_id_token(told) -> None:
    assert has(told(profile=BOTH)) == EVERYTHING
    assert set(CognitoMembership.objects.values_list("name", flat=True)) == {"editors", "helpers"}


@pytest.mark.parametrize("at", [-60, -30, 0], ids=["earlier", "of the same second", "later"])
@pytest.mark.parametrize("groups", [(), ("viewers", "admins")], ids=["no groups of Cognito's", "groups of Cognito's"])
def test_an_access_token_keeps_what_the_id_token_gave(told, at, groups) -> None:
    told(at=-30, profile=BOTH)
    assert has(told(*groups, at=at)) == EVERYTHING


def test_groups_of_cognitos_own_claim_give_nothing_beside_another_one(told) -> None:
    assert has(told("editors", "helpers", token_use="id")) == NOTHING
    assert has(told("editors", "helpers", profile={})) == NOTHING


# Taken away


@pytest.mark.parametrize("gone", [{}, {CLAIM: ""}, {CLAIM: "[]"}, {CLAIM: None}, {CLAIM: 5}, {CLAIM: {"a": "editors"}}])
def test_the_next_id_token_without_a_value_takes_all_away(told, gone) -> None:
    told(at=-60, profile=BOTH)
    assert has(told(at=-30, token_use="id", **gone)) == NOTHING
    assert has(told()) == NOTHING
    assert not CognitoMembership.objects.exists()


@pytest.mark.parametrize("at", [-60, -30, 0], ids=["of then", "of the same second", "later"])
def test_no_access_token_gives_it_back(told, at) -> None:
    told(at=-60, profile=BOTH)
    told(at=-30, token_use="id")
    assert has(told(at=at)) == NOTHING


def test_an_older_id_token_that_comes_late_gives_nothing_back(told, writes) -> None:
    told(at=-60, profile=BOTH)
    told(at=-30, token_use="id")
    with writes(0):
        assert has(told(at=-60, token_use="id", **BOTH)) == NOTHING
    assert has(told(at=0, profile={**BOTH, "at": -60})) == NOTHING


def test_on_equal_moments_an_id_token_takes_away_and_gives_none(told) -> None:
    told(token_use="id", **named("editors"))
    assert has(told(token_use="id", **BOTH))[2] == ("editors",)
    assert has(told(token_use="id")) == NOTHING
    assert has(told(token_use="id", **BOTH)) == NOTHING


def test_what_one_id_token_names_and_another_does_not_is_the_younger_ones_whatever_comes_first(told) -> None:
    told(at=-60, token_use="id", **BOTH)
    told(at=-30, token_use="id", **named("viewers"))
    told(at=-45, token_use="id", **named("admins"))
    assert has(told()) == (False, {"Readers"}, ("viewers",), False)


def test_what_was_given_by_hand_stays(told) -> None:
    user = told(at=-60)
    User.objects.filter(pk=user.pk).update(is_staff=True)
    told(at=-30, profile=BOTH)
    assert has(told(token_use="id")) == (True, set(), (), False)


# Steady


def test_newer_tokens_in_turns_cost_one_update_for_each_id_token(told, writes, django_assert_num_queries) -> None:
    told(at=-60, profile=BOTH)
    for at, updates in ((-60, 0), (-30, 1), (0, 1)):
        with writes(updates), django_assert_num_queries(3 + updates):
            told(at=at)
            told(at=at, token_use="id", **BOTH)
            told(at=at, profile=BOTH)


def test_access_token_without_the_claim_writes_nothing_after_a_change(told, writes) -> None:
    told(at=-60, profile=BOTH)
    told(at=-30, token_use="id")
    with writes(0):
        for _ in range(2):
            for at in (-60, -30, 0):
                told(at=at)
            told(at=-30, token_use="id")


def test_what_access_tokens_say_besides_never_goes_back_and_forth(told, writes, cognito) -> None:
    """They move no moment, so nobody knows which of two is the younger: what they say of attributes is not taken."""
    cognito(ATTRIBUTES={"first_name": "given_name"})
    told(at=-60, profile={**BOTH, "given_name": "Alice"})
    told(at=0, given_name="New")
    with writes(0):
        for _ in range(2):
            told(at=-30, given_name="Old")
            told(at=0, given_name="New")
    assert User.objects.get().first_name == "Alice"


def test_an_access_token_that_has_the_claim_says_all(told, writes, cognito) -> None:
    cognito(ATTRIBUTES={"first_name": "given_name"})
    told(at=-60, given_name="Old", **BOTH)
    assert has(told(at=-30, given_name="New", **named("viewers"))) == (False, {"Readers"}, ("viewers",), False)
    with writes(0):
        told(at=-60, given_name="Old", **BOTH)
        told(at=-30, given_name="New", **named("viewers"))
    assert User.objects.get().first_name == "New"


@pytest.mark.urls("tests.support.entry_point_views")
@pytest.mark.parametrize("client", [Client(), AsyncClient()], ids=["sync", "async"])
def test_an_api_request_has_them_alone_and_with_its_id_token(told, writes, client, django_assert_num_queries) -> None:
    told(profile=BOTH)
    raw, id_token = token("admins"), token(token_use="id", **BOTH)
    get = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    for headers in ({"authorization": f"Bearer {raw}"}, with_id_token(raw, id_token)):
        with django_assert_num_queries(1), writes(0):
            assert get("/cognito/", headers=headers).json()["groups"] == ["editors", "helpers"]
        assert get("/edit/", headers=headers).status_code == 200


@pytest.mark.urls("tests.support.entry_point_views")
def test_the_second_header_gives_and_takes_as_a_login_does(told, client) -> None:
    for at, claims, status in ((-60, {}, 403), (-30, BOTH, 200), (-60, {}, 200), (0, {}, 403), (-30, BOTH, 403)):
        headers = with_id_token(token(at=0), token(token_use="id", at=at, **claims))
        assert client.get("/edit/", headers=headers).status_code == status, at


@pytest.mark.urls("tests.support.entry_point_views")
def test_a_session_has_what_its_id_token_said(cognito_sign_in, client) -> None:
    cognito_sign_in(**BOTH)
    assert client.get("/cognito/").json()["groups"] == ["editors", "helpers"]
    assert client.get("/may/").content == b"True"


@pytest.mark.django_db(transaction=True)
def test_a_known_token_s_user_is_read_anew_once_an_id_token_has_taken_a_group_away(told, cognito) -> None:
    cognito(GROUPS=GROUPS, GROUPS_CLAIM=CLAIM, USER_CACHE_SECONDS=3_600)
    told(at=-60, profile=BOTH)
    assert has(told(jti="known")) == has(told(jti="known")) == EVERYTHING
    told(token_use="id")
    assert has(told(jti="known")) == NOTHING


# Another claim


def test_from_cognitos_claim_to_another_what_was_known_stays_until_an_id_token_speaks(told, cognito, writes) -> None:
    cognito(GROUPS_CLAIM="cognito:groups")
    told("editors", "helpers", at=-60)
    cognito(GROUPS_CLAIM=CLAIM)
    assert has(told(at=-30)) == EVERYTHING
    with writes(0):
        told("viewers", at=-30)
    assert has(told(token_use="id", **named("viewers"))) == (False, {"Readers"}, ("viewers",), False)


@pytest.mark.parametrize("at", [-60, -30], ids=["of the login", "later"])
def test_from_another_claim_to_cognitos_the_next_token_speaks_at_once(told, cognito, at) -> None:
    told(at=-60, profile=BOTH)
    cognito(GROUPS_CLAIM="cognito:groups")
    assert has(told(at=at)) == NOTHING
    assert has(told("viewers")) == (False, {"Readers"}, ("viewers",), False)


def test_from_one_attribute_to_another_old_rows_give_nothing_once_they_are_emptied(told, cognito) -> None:
    """As docs/groups.md says: what the old claim named is remembered as groups, whoever named them."""
    told(at=-60, profile=BOTH)
    cognito(GROUPS_CLAIM="custom:other")
    CognitoUser.objects.update(groups=[])
    assert has(told(at=-30)) == NOTHING
    assert has(told(at=-30, token_use="id", **{"custom:other": "editors"}))[2] == ("editors",)


def test_switched_there_and_back_a_steady_token_writes_no_more_than_its_digest(told, cognito, writes) -> None:
    told(profile=BOTH)
    for claim in ("custom:other", CLAIM):
        cognito(GROUPS_CLAIM=claim)
        with writes(1):
            told()
        with writes(0):
            told()
    assert link_of(User.objects.get()).groups == ["editors", "helpers"]
