"""docs/machines.md: views for users refuse machine-to-machine clients; the table lists the members of MachineUser."""

import re
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.drf import CognitoAuthentication
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.guide import GUIDE, load_object

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys")]


class View(APIView):
    authentication_classes = [CognitoAuthentication]
    permission_classes = [load_object("machines", "IsUser")]

    def get(self, request: Any) -> Response:
        return Response({"user": request.user.get_username()})


urlpatterns = [path("profile/", load_object("machines", "profile")), path("api/", View.as_view())]
URLS = ["/profile/", "/api/"]


def get(url: str, **claims: Any) -> Any:
    return Client().get(url, headers={"Authorization": f"Bearer {make_token(**claims)}"})


@pytest.mark.parametrize("url", URLS)
def test_view_for_users_refuses_a_machine_client(url: str) -> None:
    assert get(url, username=None, scope="orders/read").status_code == 403


@pytest.mark.parametrize("url", URLS)
def test_view_for_users_accepts_a_user(url: str) -> None:
    assert get(url, username="alice").status_code == 200


def test_permission_for_users_refuses_an_anonymous_user() -> None:
    assert Client().get("/api/").status_code == 401


def test_table_lists_the_members_of_machine_user() -> None:
    user, _ = authenticate(make_token(username=None))
    section = (GUIDE / "machines.md").read_text().partition("\n## MachineUser\n")[2].partition("\n## ")[0]
    rows = [line.split("|")[1] for line in section.splitlines() if line.startswith("| `")]
    listed = set(re.findall(r"`([a-z_]+)", "".join(rows))) - {"str"}
    public = {name for name in dir(user) if not name.startswith("_")}
    is_async = {f"a{name}" for name in listed}
    assert listed <= public
    assert public - is_async == listed


def test_other_members_of_a_user_do_not_exist() -> None:
    user, _ = authenticate(make_token(username=None))
    assert [name for name in ("email", "date_joined", "last_login") if hasattr(user, name)] == []
    with pytest.raises(ValueError, match="must be a"):
        LogEntry(user=user)


def test_service_user_of_the_page_has_no_password_and_is_the_client(cognito: Any) -> None:
    cognito(SERVICE_USERS={"1testclient23456789": "importer"})
    user = load_object("machines", "create_service_user")("importer")
    assert not user.has_usable_password()
    assert get("/api/", username=None, scope="orders/read").status_code == 403
    assert authenticate(make_token(username=None))[0] == user
