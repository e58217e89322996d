"""Feature requests that other packages have not met, about users and rights, by their number in our list.

As `tests.login.test_feature_requests`: 10 users are created without code of the site, 11 parallel first requests, 12
usernames, 13 accounts with one email address, 15 groups, 16 rights that an administrator gave, 17 groups that change.
Of 11, `test_first_requests_of_user_models` has parallel processes; of 17, `tests.web.test_live_check` the live check.
"""

import time
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import sign_in
from tests.support.scenarios.login import token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]
UserFromToken = Callable[..., User]


def refresh_groups(request: HttpRequest) -> HttpResponse:
    request.cognito.refresh()  # type: ignore[attr-defined]
    return HttpResponse(" ".join(request.cognito.groups))  # type: ignore[attr-defined]


urlpatterns = [path("refresh/", refresh_groups)]


def test_feature_10_first_token_creates_the_user_with_attributes(user_from_token: UserFromToken) -> None:
    user = user_from_token(profile={"given_name": "Ada", "family_name": "Byron", "email": "ada@example.com"})
    assert (user.username, user.first_name, user.last_name, user.email) == ("alice", "Ada", "Byron", "ada@example.com")
    assert not user.has_usable_password()


def test_feature_10_creation_can_be_left_to_the_site(user_from_token: UserFromToken, cognito: Any) -> None:
    cognito(CREATE_USERS=False)
    with pytest.raises(TokenError) as error:
        user_from_token()
    assert (error.value.code, User.objects.count()) == ("user_unknown", 0)


def test_feature_11_user_of_a_faster_request_is_returned(
    user_from_token: UserFromToken, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = user_from_token(at=-10)
    monkeypatch.setattr(
        "django_cognito.users.writing.provisioning._fetch_link", lambda _: None
    )  # as it was a moment before
    assert user_from_token(at=-5) == first
    assert (User.objects.count(), CognitoUser.objects.count()) == (1, 1)


def test_feature_12_renamed_user_keeps_the_account(user_from_token: UserFromToken) -> None:
    user = user_from_token(sub="a-sub", username="f3b1c2d4-0c5e-4f6a-8b7c-9d0e1f2a3b4c")
    assert user.username == "f3b1c2d4-0c5e-4f6a-8b7c-9d0e1f2a3b4c"  # not shortened
    assert user_from_token(sub="a-sub", username="renamed", at=10) == user


def test_feature_13_same_address_in_another_case_is_another_user(user_from_token: UserFromToken) -> None:
    for username, email in (("alice", "ada@example.com"), ("bob", "ADA@example.com")):
        profile = {"email": email, "email_verified": True, "username": username}
        user_from_token(username=username, profile=profile)
    assert sorted(User.objects.values_list("username", flat=True)) == ["alice", "bob"]


@pytest.mark.parametrize(("is_verified", "count"), [(True, 1), (False, 2)])
def test_feature_13_account_with_a_verified_address_is_linked(
    user_from_token: UserFromToken, cognito: Any, is_verified: bool, count: int
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    User.objects.create_user("ada", "Ada@example.com")
    user_from_token(profile={"email": "ada@example.com", "email_verified": is_verified})
    assert User.objects.count() == count


@pytest.mark.usefixtures("mapped")
def test_feature_15_groups_grant_django_groups_flags_and_permissions(user_from_token: UserFromToken) -> None:
    user = user_from_token("editors", "helpers")
    assert sorted(user.groups.values_list("name", flat=True)) == ["Readers", "Writers"]
    assert (user.is_staff, user.is_superuser, user.has_perm("auth.change_group")) == (True, False, True)


@pytest.mark.usefixtures("mapped")
def test_feature_16_rights_of_an_administrator_stay(user_from_token: UserFromToken) -> None:
    user = user_from_token("viewers", at=-20)
    user.groups.add(Group.objects.create(name="By hand"))
    User.objects.filter(pk=user.pk).update(is_staff=True)
    user = user_from_token(at=-10)
    assert list(user.groups.values_list("name", flat=True)) == ["By hand"]
    assert user.is_staff


@pytest.mark.usefixtures("mapped")
def test_feature_16_last_superuser_stays(user_from_token: UserFromToken, cognito: Any) -> None:
    cognito(KEEP_LAST_SUPERUSER=True)
    user_from_token("admins", at=-20)
    assert user_from_token(at=-10).is_superuser


def test_feature_17_removed_group_is_missing_after_a_forced_refresh(
    client: Client, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, "alice", groups=["editors"], refresh_token="a-refresh-token", iat=int(time.time()) - 60)
    token_endpoint.script(token_response(both={"cognito:groups": ["viewers"]}))
    assert client.get("/refresh/").content == b"viewers"
