"""Tests of a migrated database of an older state. Run by `test_upgrade.py` only.

The test database is the dump. Each test changes it in a transaction that is rolled back.
"""

import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.sessions.models import Session
from django.http import JsonResponse
from django.test import Client
from django.urls import path
from django.utils import timezone
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.conf.loading import get_pool_registry
from django_cognito.core import TokenUse
from django_cognito.factories import get_verifier
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser, FormerLink
from django_cognito.sessions import store as login_session
from django_cognito.testing import make_token
from django_cognito.testing.keys import KID
from tests.support.callers import bearer

from .make_dump import FEDERATED, GROUPS, session_key, signing_key

KEY = signing_key()
PERMISSIONS = {"editors": "auth.change_group", "admins": "auth.view_group"}
# By user: the Cognito groups that count in a session (those of the signed-in account), and whether they are staff.
STAFF = {"paula": False, "stan": True, "edith": True, "hank": True, "rita": False}
USES: tuple[TokenUse, ...] = ("access", "id")
VALID = [name for name in GROUPS if name != "rita"]


def show_user(request: Any) -> JsonResponse:
    user = request.user
    permissions = [name for name in PERMISSIONS.values() if user.has_perm(name)]
    content = {
        "name": user.get_username(),
        "staff": getattr(user, "is_staff", False),
        "permissions": sorted(permissions),
    }
    return JsonResponse({**content, "groups": list(request.cognito.groups)})


urlpatterns = [path("who/", show_user), path("admin/", admin.site.urls)]
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]


@pytest.fixture(autouse=True)
def recent_dump(db: None) -> None:
    """Set the most recent tokens to ten minutes ago, for any age of the dump: remembered groups expire."""
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(minutes=10))


@pytest.fixture(autouse=True)
def token_endpoint(settings: Any) -> Iterator[ScriptedServer]:
    """Yield the token endpoint of the hosted UI. The pool's key is the one that signed the tokens of the dump."""
    with ScriptedServer() as server:
        settings.COGNITO = {**settings.COGNITO, "DOMAIN": server.url}
        public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
        jwk = {"kty": "RSA", "n": public["n"], "e": public["e"], "kid": KID, "alg": "RS256", "use": "sig"}
        for pool in get_pool_registry().user_pools:
            get_verifier().load_jwks(pool, {"keys": [jwk]})
        yield server


def client_of(username: str) -> Client:
    """Return a browser with the session cookie that the user had before the upgrade."""
    client = Client()
    client.cookies["sessionid"] = session_key(username)
    return client


def expected(username: str) -> dict[str, Any]:
    groups = GROUPS[username]
    permissions = sorted(PERMISSIONS[name] for name in groups)
    return {"name": username, "staff": STAFF[username], "permissions": permissions, "groups": groups}


def state() -> dict[str, Any]:
    """Return the rows that an upgrade and a repeated token must not change."""
    fields = ("username", "password", "email", "first_name", "last_name", "is_active", "is_staff", "is_superuser")
    users = get_user_model().objects.order_by("pk")
    memberships = CognitoMembership.objects.order_by("cognito_user", "name")
    grants = ("cognito_user__username", "name", "granted_groups", "granted_staff", "granted_superuser")
    link_fields = ("user__username", "user_pool_id", "sub", "username", "groups")
    return {
        "users": list(users.values_list(*fields)),
        "groups": list(users.order_by("pk", "groups__name").values_list("username", "groups__name")),
        "links": list(CognitoUser.objects.order_by("pk").values_list(*link_fields)),
        "memberships": list(memberships.values_list(*grants)),
        "logins": sorted(CognitoLogin.objects.values_list("cognito_user__username", flat=True)),
        "sessions": Session.objects.count(),
        "former": FormerLink.objects.count(),
    }


def test_no_row_is_lost() -> None:
    rows = state()
    assert [row[0] for row in rows["users"]] == list(GROUPS)
    assert sorted(row[3] for row in rows["links"]) == sorted([*GROUPS, FEDERATED])
    assert [row[0] for row in rows["links"] if row[3] == FEDERATED] == ["edith"]
    assert sorted((row[0], row[1]) for row in rows["memberships"]) == [
        ("Corporate_edith", "admins"),
        ("edith", "editors"),
        ("hank", "editors"),
        ("rita", "editors"),
        ("stan", "admins"),
    ]
    assert rows["groups"] == [
        ("paula", None),
        ("stan", None),
        ("edith", "Editors"),
        ("hank", "Editors"),
        ("hank", "Given by hand"),
        ("rita", "Editors"),
    ]
    assert (rows["logins"], rows["sessions"], rows["former"]) == (sorted(GROUPS), len(GROUPS), 0)


def test_migrated_links_have_no_verified_attribute() -> None:
    assert list(CognitoUser.objects.values_list("verified_attributes", flat=True)) == [[]] * 6


@pytest.mark.parametrize("username", VALID)
def test_old_session_is_still_signed_in(username: str, token_endpoint: ScriptedServer) -> None:
    before, client = state(), client_of(username)
    for _ in range(2):
        assert client.get("/who/").json() == expected(username)
    assert (state(), token_endpoint.count) == (before, 0)


def test_old_session_of_staff_opens_the_admin() -> None:
    statuses = {name: client_of(name).get("/admin/").status_code for name in VALID}
    assert statuses == {"paula": 302, "stan": 200, "edith": 200, "hank": 200}


def test_expired_old_login_is_refreshed(token_endpoint: ScriptedServer) -> None:
    token, id_token = (make_token(username="rita", groups=["editors"], key=KEY, token_use=use) for use in USES)
    content = {"access_token": token, "id_token": id_token, "expires_in": 3600, "token_type": "Bearer"}
    token_endpoint.script(json_answer(content))
    before, client = state(), client_of("rita")
    for _ in range(2):
        assert client.get("/who/").json() == expected("rita")
    assert state() == before
    assert [request.path for request in token_endpoint.requests] == ["/oauth2/token"]
    assert b"refresh_token=refresh-token-of-rita" in token_endpoint.requests[0].body
    login = CognitoLogin.objects.get(cognito_user__username="rita")
    assert (login.version, login_session.decrypt_tokens(login).refresh_token) == (1, "refresh-token-of-rita")


def test_rejected_refresh_of_an_old_login_signs_out(token_endpoint: ScriptedServer) -> None:
    token_endpoint.script(json_answer({"error": "invalid_grant"}, 400))
    assert client_of("rita").get("/who/").json()["name"] == ""
    assert not CognitoLogin.objects.filter(cognito_user__username="rita").exists()


@pytest.mark.parametrize("username", GROUPS)
def test_new_bearer_token_of_an_old_user_changes_nothing(username: str) -> None:
    before, raw = state(), make_token(username=username, groups=GROUPS[username], key=KEY)
    for _ in range(2):
        content = Client().get("/who/", headers=bearer(raw)).json()
        assert content == expected(username)
    assert state() == before


@pytest.mark.parametrize("username", VALID)
def test_old_access_token_of_an_old_user_changes_nothing(username: str) -> None:
    login = CognitoLogin.objects.get(cognito_user__username=username)
    before, raw = state(), login_session.decrypt_tokens(login).access_token
    assert Client().get("/who/", headers=bearer(raw)).json()["name"] == username
    assert state() == before


@pytest.mark.parametrize(("username", "staff"), [("stan", False), ("edith", True), ("hank", True)])
def test_new_token_revokes_only_grants_of_old_memberships(username: str, staff: bool) -> None:
    raw = make_token(username=username, key=KEY, iat=int(time.time()) - 5)
    assert Client().get("/who/", headers=bearer(raw)).json()["groups"] == []
    user = get_user_model().objects.get(username=username)
    assert user.is_staff is staff
    local_groups = ["Given by hand"] if username == "hank" else []
    assert list(user.groups.values_list("name", flat=True)) == local_groups
