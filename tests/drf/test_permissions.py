from typing import Any

import pytest
from django.test import Client
from rest_framework.exceptions import NotAuthenticated
from rest_framework.permissions import IsAuthenticated
from rest_framework.test import APIRequestFactory

from django_cognito.drf import HasScope, InGroup
from django_cognito.testing import make_token, sign_in
from tests.support import source
from tests.support.callers import bearer

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.drf.views"), pytest.mark.usefixtures("cognito_keys")]

CHALLENGE = 'Bearer error="insufficient_scope", scope="orders/read orders/write"'


def status(client: Client, url: str, **claims: Any) -> int:
    return client.get(url, headers=bearer(make_token(**claims))).status_code


@pytest.mark.parametrize(
    ("groups", "expected"), [(["editors"], 200), (["admins", "x"], 200), (["Editors"], 403), ([], 403)]
)
def test_in_group_needs_one_of_its_groups(client: Client, groups: list[str], expected: int) -> None:
    assert status(client, "/edit/", groups=groups) == expected


@pytest.mark.parametrize(
    ("scope", "expected"), [("orders/write orders/read x", 200), ("orders/read", 403), ("orders", 403)]
)
def test_has_scope_needs_all_its_scopes(client: Client, scope: str, expected: int) -> None:
    assert status(client, "/order/", scope=scope) == expected


@pytest.mark.parametrize("username", ["alice", None], ids=["user", "client"])
def test_has_scope_accepts_users_and_clients(client: Client, username: str | None) -> None:
    assert status(client, "/order/", username=username, scope="orders/read orders/write") == 200


def test_machine_to_machine_client_has_no_groups(client: Client) -> None:
    assert status(client, "/edit/", username=None, **{"cognito:groups": ["editors"]}) == 403


@pytest.mark.parametrize(
    ("url", "groups", "scope", "expected"),
    [
        ("/either/", ["editors"], "", 200),
        ("/either/", [], "orders/read", 200),
        ("/either/", [], "", 403),
        ("/both/", ["editors"], "orders/read", 200),
        ("/both/", ["editors"], "", 403),
        ("/both/", [], "orders/read", 403),
        ("/neither/", [], "", 200),
        ("/neither/", ["banned"], "", 403),
    ],
)
def test_combined_permissions_work_for_views_and_objects(
    client: Client, url: str, groups: list[str], scope: str, expected: int
) -> None:
    assert status(client, url, groups=groups, scope=scope) == expected


def test_missing_group_is_403_with_its_code(client: Client) -> None:
    answer = client.get("/edit/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (403, "group_required")
    assert set(answer.json()) == {"detail", "code"}


def test_missing_scope_is_403_with_the_scopes_in_the_challenge(client: Client) -> None:
    answer = client.get("/order/", headers=bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_required")
    assert answer["WWW-Authenticate"] == CHALLENGE


@pytest.mark.parametrize("url", ["/edit/", "/order/"])
def test_anonymous_user_gets_not_authenticated_not_forbidden(client: Client, url: str) -> None:
    answer = client.get(url)
    assert answer.json() == {"detail": NotAuthenticated.default_detail}
    assert "insufficient_scope" not in str(answer.headers)


def test_session_has_its_groups_and_scopes(client: Client) -> None:
    sign_in(client, groups=["editors"], scope="orders/read orders/write")
    assert [client.get(url).status_code for url in ("/edit/", "/order/", "/both/")] == [200, 200, 200]


@pytest.mark.usefixtures("editors_may_change_groups")
def test_django_model_permissions_include_those_of_cognito_groups(client: Client, settings: Any) -> None:
    groups = {"adders": {"permissions": ["auth.add_group"]}}
    settings.COGNITO = {**settings.COGNITO, "GROUPS": groups}

    def post(**claims: Any) -> int:
        return client.post("/groups/", headers=bearer(make_token(**claims))).status_code

    assert [post(username="bob"), post(groups=["adders"]), post(username=None)] == [403, 200, 403]


@pytest.mark.parametrize("permission", [InGroup, HasScope])
@pytest.mark.parametrize("names", [(), (["editors", "admins"],), ("",), (None,)])
def test_permission_without_valid_names_raises_type_error(permission: Any, names: tuple[Any, ...]) -> None:
    with pytest.raises(TypeError, match="name"):
        permission(*names)


def _documented_view() -> Any:
    """Return the view of docs/groups.md, "Exclude a group"."""
    page = (source.PROJECT_DIRECTORY / "docs" / "groups.md").read_text()
    namespace: dict[str, Any] = {}
    block = page.partition("### Exclude a group\n")[2].partition("```python\n")[2].partition("```")[0]
    exec(compile(block, "docs/groups.md", "exec"), namespace)
    return namespace["Comments"]


@pytest.mark.parametrize("view", ["documented", "as a list"])
def test_documented_exclusion_rejects_anonymous_and_excluded_users(view: str) -> None:
    comments = _documented_view()
    if view == "as a list":
        comments = type("Comments", (comments,), {"permission_classes": [IsAuthenticated, ~InGroup("banned")]})

    def get_status(**headers: Any) -> int:
        return int(comments.as_view()(APIRequestFactory().get("/", headers=headers)).status_code)

    assert get_status() == 401
    assert get_status(**bearer(make_token(groups=["banned"]))) == 403
    assert get_status(**bearer(make_token(username="bob", groups=["readers"]))) == 200
    assert get_status(**bearer(make_token(username=None))) == 200


@pytest.mark.parametrize("permission", [InGroup("banned"), HasScope("orders/read")])
def test_negated_permission_alone_accepts_an_anonymous_user(permission: Any) -> None:
    # As docs/groups.md states it.
    comments = type("Comments", (_documented_view(),), {"permission_classes": [~permission]})
    assert comments.as_view()(APIRequestFactory().get("/")).status_code == 200
