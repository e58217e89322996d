"""Stored groups that are too old are removed in the session, with each kind of login, sync and async."""

from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.test import AsyncClient, Client
from django.utils import timezone

from django_cognito.authorization import group_expiry
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.testing import sign_in

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.sessions.user_site"),
    pytest.mark.usefixtures("cognito_keys"),
]


def get_user_page(client: Any) -> dict[str, Any]:
    get: Any = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    page: dict[str, Any] = get("/user/async/" if isinstance(client, AsyncClient) else "/user/").json()
    return page


def make_groups_too_old(client: Any) -> None:
    """Make the groups too old, and the session's next check due."""
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(days=31))
    session = client.session
    session[group_expiry.SESSION_KEY] = 1
    session.save()


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_local_session_loses_flags_of_groups_that_are_too_old(settings: Any, client_class: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    client = client_class()
    user = sign_in(Client(), "alice", groups=["admins"])
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    assert get_user_page(client)["superuser"] is True
    make_groups_too_old(client)
    page = get_user_page(client)
    assert (page["user"], page["staff"], page["superuser"]) == ("alice", False, False)
    assert not get_user_model().objects.get().is_superuser
    assert not CognitoMembership.objects.exists()


@pytest.mark.parametrize("client_class", [Client, AsyncClient])
def test_cognito_session_loses_groups_that_no_token_confirms(settings: Any, client_class: Any) -> None:
    settings.COGNITO = {
        **settings.COGNITO,
        "GROUPS_CLAIM": "custom:groups",
        "GROUPS": {"admins": {"staff": True, "superuser": True}},
    }
    client = client_class()
    sign_in(client, "alice", **{"custom:groups": "admins"})
    assert get_user_page(client)["superuser"] is True
    make_groups_too_old(client)
    page = get_user_page(client)
    assert (page["staff"], page["superuser"], page["groups"]) == (False, False, [])
