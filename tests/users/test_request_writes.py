"""ATOMIC_REQUESTS: the claims of a token are written even if the view's transaction is rolled back."""

import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import AsyncClient, Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import bearer_exempt
from django_cognito.drf import CognitoAuthentication, InGroup
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from django_cognito.users.linking import unlink
from django_cognito.users.writing.request_writes import collect_writes, note_write
from tests.support.callers import bearer

GROUPS = {"admins": {"staff": True, "superuser": True, "groups": ["Site admins"]}}


class AdminsOnly(APIView):
    authentication_classes = [CognitoAuthentication]
    permission_classes = [InGroup("admins")]

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username()})


class Failing(APIView):
    authentication_classes = [CognitoAuthentication]

    def get(self, request: Any) -> Response:
        _ = request.user
        if request.GET.get("first"):
            {
                "delete": lambda: get_user_model().objects.all().delete(),
                "unlink": lambda: unlink(request.user, CognitoUser.objects.get().pk),
            }[request.GET["first"]]()
            return Response("done")
        raise RuntimeError("an error of the site")


@bearer_exempt
def other_framework(request: HttpRequest) -> HttpResponse:
    """Authenticate in the view, as Django Ninja does; respond 403 and roll back the transaction."""
    authenticate(request.headers["authorization"].removeprefix("Bearer "))
    transaction.set_rollback(True)
    return HttpResponse(status=403)


urlpatterns = [
    path("admins/", AdminsOnly.as_view()),
    path("failing/", Failing.as_view()),
    path("other/", other_framework),
]
pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.users.test_request_writes"),
    pytest.mark.usefixtures("cognito_keys", "atomic_requests"),
]


@pytest.fixture
def atomic_requests(settings: Any) -> Iterator[None]:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": GROUPS}
    connection.settings_dict["ATOMIC_REQUESTS"] = True
    yield
    connection.settings_dict["ATOMIC_REQUESTS"] = False


@pytest.fixture
def removal() -> str:
    """Return a token of alice without groups; an older token made her an admin."""
    now = int(time.time())
    user, _ = authenticate(make_token(groups=["admins"], iat=now - 100, auth_time=now - 100))
    assert user.is_superuser
    return make_token(iat=now - 50, auth_time=now - 100)


def _rights() -> tuple[Any, ...]:
    user = get_user_model().objects.get()
    return user.is_staff, user.is_superuser, list(user.groups.all()), CognitoMembership.objects.count()


NO_RIGHTS = (False, False, [], 0)


@pytest.mark.parametrize("url", ["/admins/", "/other/"])
def test_removal_survives_the_403_that_it_causes(client: Client, removal: str, url: str) -> None:
    assert client.get(url, headers=bearer(removal)).status_code == 403
    assert _rights() == NO_RIGHTS


@pytest.mark.parametrize("url", ["/admins/", "/other/"])
def test_async_removal_survives_the_403_that_it_causes(removal: str, url: str) -> None:
    assert async_to_sync(AsyncClient().get)(url, headers=bearer(removal)).status_code == 403
    assert _rights() == NO_RIGHTS


def test_removal_survives_a_server_error(removal: str) -> None:
    client = Client(raise_request_exception=False)
    assert client.get("/failing/", headers=bearer(removal)).status_code == 500
    assert _rights() == NO_RIGHTS


def test_newer_as_of_survives_a_rollback(client: Client, removal: str) -> None:
    authenticate(removal)
    later = int(time.time()) - 20
    client.get("/other/", headers=bearer(make_token(iat=later, auth_time=later - 100)))
    assert int(CognitoUser.objects.get().as_of.timestamp()) == later


def test_user_that_the_rollback_removed_is_not_created_again(client: Client) -> None:
    assert client.get("/admins/", headers=bearer(make_token())).status_code == 403
    assert not get_user_model().objects.exists()


def test_user_that_the_view_deleted_stays_deleted(client: Client, removal: str) -> None:
    assert client.get("/failing/?first=delete", headers=bearer(removal)).status_code == 200
    assert not get_user_model().objects.exists()
    assert not CognitoUser.objects.exists()


def test_link_that_the_view_removed_stays_removed(client: Client, removal: str) -> None:
    user = get_user_model().objects.get()
    user.set_password("a password")
    user.save()
    assert client.get("/failing/?first=unlink", headers=bearer(removal)).status_code == 200
    assert not CognitoUser.objects.exists()


def test_reapplying_claims_makes_one_query_if_nothing_was_lost(client: Client) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/admins/", headers=bearer(make_token(groups=["admins"]))).status_code == 200
    queries = [query["sql"] for query in captured.captured_queries]
    assert len(queries) - queries.index("COMMIT") - 1 == 1


def test_request_that_wrote_nothing_makes_no_further_query(client: Client) -> None:
    raw = make_token(groups=["admins"])
    authenticate(raw)
    with CaptureQueriesContext(connection) as captured:
        assert client.get("/admins/", headers=bearer(raw)).status_code == 200
    reads = [query["sql"] for query in captured.captured_queries if query["sql"].startswith("SELECT")]
    assert len(reads) == 1


def test_failure_to_reapply_claims_does_not_change_the_response(
    client: Client, removal: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("the connection is gone")

    monkeypatch.setattr("django_cognito.middleware.reapply_claims", fail)
    assert client.get("/admins/", headers=bearer(removal)).status_code == 403
    assert "claims that a view rolled back could not be reapplied" in caplog.text


def test_writes_after_a_request_that_failed_are_not_in_its_list() -> None:
    identity: Any = object()
    with collect_writes() as outer, transaction.atomic():
        with suppress(ValueError), collect_writes() as inner:
            raise ValueError
        note_write(identity)
    assert (outer, inner) == ([identity], [])
