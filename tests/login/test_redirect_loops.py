"""A page that redirects a signed-in user to the login: 403 instead of an endless redirect."""

from typing import Any

import pytest
from django.contrib.auth.decorators import login_required, permission_required
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from local_cognito_support.scripted_server import Answer, ScriptedServer

from tests.support.scenarios.login import CALLBACK, post_logout, read_query, token_response

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__)]

PAGE = "/groups/"


@permission_required("auth.change_group")
def _page(request: HttpRequest) -> HttpResponse:
    return HttpResponse("groups")


@login_required
def _mine(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [path("groups/", _page), path("mine/", _mine), path("auth/", include("django_cognito.urls"))]


def follow_until_the_end(client: Client, server: ScriptedServer, url: str) -> tuple[Any, int]:
    """Follow redirects as a browser does whose session at Cognito exists; return the answer and the sign-ins."""
    for sign_ins in range(10):
        answer = client.get(url)
        while answer.status_code == 302 and "/oauth2/authorize" not in answer["Location"]:
            answer = client.get(answer["Location"])
        if answer.status_code != 302:
            return answer, sign_ins
        params = read_query(answer["Location"])
        server.script(token_response(nonce=params["nonce"]), Answer())
        url = client.get(CALLBACK, {"code": "a-code", "state": params["state"]})["Location"]
    raise AssertionError("an endless redirect")


def test_permission_required_without_permission_ends_with_403(client: Client, token_endpoint: ScriptedServer) -> None:
    answer, sign_ins = follow_until_the_end(client, token_endpoint, PAGE)
    assert (answer.status_code, sign_ins) == (403, 3)
    assert client.get("/mine/").content == b"alice"


@pytest.mark.parametrize("query", [{"prompt": "login"}, {"login_hint": "bob"}, {"next": "/mine/"}])
def test_other_sign_in_after_the_403_is_started(
    client: Client, token_endpoint: ScriptedServer, query: dict[str, str]
) -> None:
    follow_until_the_end(client, token_endpoint, PAGE)
    answer = client.get("/auth/login/", {"next": PAGE, **query})
    assert "/oauth2/authorize?" in answer["Location"]


def test_sign_in_after_a_sign_out_is_started(client: Client, token_endpoint: ScriptedServer) -> None:
    follow_until_the_end(client, token_endpoint, PAGE)
    post_logout(client)
    assert "/oauth2/authorize?" in client.get("/auth/login/", {"next": PAGE})["Location"]


@pytest.mark.parametrize("value", ["", "x", "²", "1", "0ab"])
def test_mark_of_another_form_starts_a_sign_in(client: Client, value: str) -> None:
    client.cookies["cognito_signed_in_sessionid"] = value
    assert "/oauth2/authorize?" in client.get("/auth/login/", {"next": PAGE})["Location"]
