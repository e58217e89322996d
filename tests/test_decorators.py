from typing import Any

import pytest
from asgiref.sync import async_to_sync, iscoroutinefunction
from django.http import HttpResponse
from django.test import AsyncClient, Client
from django.views.decorators.csrf import csrf_exempt

from django_cognito.decorators import bearer_exempt, group_required, scope_required, silent_sign_in
from django_cognito.testing import make_token, sign_in
from tests.support import entry_point_views
from tests.support.callers import bearer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.urls("tests.support.entry_point_views"),
    pytest.mark.usefixtures("cognito_keys"),
]

GUARDED = pytest.mark.parametrize("url", ["/edit/", "/edit/async/", "/order/"])


@GUARDED
def test_guarded_view_redirects_an_anonymous_user_to_sign_in(client: Client, url: str) -> None:
    for answer in (client.get(f"{url}?page=2"), async_to_sync(AsyncClient().get)(f"{url}?page=2")):
        assert answer.status_code == 302
        assert answer["Location"] == f"/auth/login/?next={url}%3Fpage%3D2"


@GUARDED
def test_session_user_without_the_right_gets_an_html_403(client: Client, url: str) -> None:
    sign_in(client)
    answer = client.get(url)
    assert (answer.status_code, answer["Content-Type"]) == (403, "text/html; charset=utf-8")


@GUARDED
def test_bearer_token_without_the_right_gets_a_json_403(client: Client, url: str) -> None:
    for answer in (
        client.get(url, headers=bearer(make_token())),
        async_to_sync(AsyncClient().get)(url, headers=bearer(make_token())),
    ):
        assert answer.status_code == 403
        assert answer.json()["code"] == ("scope_required" if url == "/order/" else "group_required")


def test_missing_scope_is_named_in_www_authenticate(client: Client) -> None:
    answer = client.get("/order/", headers=bearer(make_token()))
    assert answer["WWW-Authenticate"] == 'Bearer error="insufficient_scope", scope="orders/read orders/write"'


@GUARDED
@pytest.mark.parametrize("credential", ["bearer", "session"])
def test_guarded_view_accepts_a_user_with_the_right(client: Client, url: str, credential: str) -> None:
    claims: Any = {"groups": ["x", "admins"], "scope": "orders/read orders/write"}
    headers = bearer(make_token(**claims)) if credential == "bearer" else {}
    if credential == "session":
        sign_in(client, **claims)
    assert client.get(url, headers=headers).status_code == 200


@pytest.mark.parametrize("credential", ["bearer", "session"])
def test_guarded_async_view_accepts_a_user_with_the_right(async_client: AsyncClient, credential: str) -> None:
    headers = bearer(make_token(groups=["editors"])) if credential == "bearer" else {}
    if credential == "session":
        sign_in(async_client, groups=["editors"])
    assert async_to_sync(async_client.get)("/edit/async/", headers=headers).content == b"edited"


@pytest.mark.parametrize("credential", ["bearer", "session"])
def test_group_required_uses_no_thread_for_loaded_rights(
    async_client: AsyncClient, monkeypatch: pytest.MonkeyPatch, credential: str
) -> None:
    headers = bearer(make_token(groups=["editors"])) if credential == "bearer" else {}
    if credential == "session":
        sign_in(async_client, groups=["editors"])
    monkeypatch.setattr("django_cognito.authorization.rights.sync_to_async", None)
    assert async_to_sync(async_client.get)("/edit/async/", headers=headers).content == b"edited"


def test_scope_required_needs_all_scopes(client: Client) -> None:
    assert client.get("/order/", headers=bearer(make_token(scope="orders/read"))).status_code == 403


def test_scope_required_accepts_a_client_token(client: Client) -> None:
    raw = make_token(username=None, scope="orders/read orders/write")
    assert [client.get(url, headers=bearer(raw)).status_code for url in ("/order/", "/edit/")] == [200, 403]


def test_guarded_bearer_exempt_view_is_401_not_authenticated(client: Client) -> None:
    answer = client.get("/edit/exempt/", headers=bearer(make_token(groups=["editors"])))
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert answer.json()["code"] == "not_authenticated"


@pytest.mark.parametrize("guard", [group_required, scope_required])
@pytest.mark.parametrize("names", [(), (["editors", "admins"],), ("",), (entry_point_views.who,)])
def test_guard_without_valid_names_raises_type_error(guard: Any, names: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="name"):
        guard(*names)


def test_decorators_keep_name_docstring_and_marks_of_the_view() -> None:
    @csrf_exempt
    def view(request: Any) -> HttpResponse:
        """A view's docstring."""
        return HttpResponse()

    for wrapped in (bearer_exempt(view), group_required("a")(view), scope_required("a")(view), silent_sign_in(view)):
        assert (wrapped.__name__, wrapped.__doc__) == ("view", "A view's docstring.")
        assert wrapped.csrf_exempt  # type: ignore[attr-defined]
        assert not iscoroutinefunction(wrapped)
    assert not hasattr(view, "bearer_exempt")


def test_decorated_async_views_stay_async() -> None:
    async def view(request: Any) -> HttpResponse:
        return HttpResponse()

    guards = (bearer_exempt, group_required("a"), scope_required("a"), silent_sign_in)
    assert all(iscoroutinefunction(guard(view)) for guard in guards)
