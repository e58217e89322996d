"""docs/organisations.md: each of the five models of AWS states the tenant of a request, and no other one."""

import re
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path

from django_cognito.testing import make_token
from tests.support.callers import bearer, with_id_token
from tests.support.guide import GUIDE, load_object

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys")]
PAGE = (GUIDE / "organisations.md").read_text()


def show(request: Any) -> JsonResponse:
    names = [name for name in ("notes.change_note", "notes.view_note") if request.user.has_perm(name)]
    return JsonResponse({"tenant": request.cognito.tenant, "may": names, "may_read": may_read(request)})


urlpatterns = [path("", show)]
may_read = load_object("organisations", "may_read")
CHANGE, VIEW = ["notes.change_note"], ["notes.view_note"]


@pytest.fixture
def follow_model(settings: Any) -> Any:
    """Return a function that configures the site by the settings below a heading of the page."""

    def follow(heading: str) -> None:
        section = PAGE.partition(f"{heading}\n")[2]
        block = next(
            item
            for item in re.findall(r"^```python\n(.*?)^```", section, re.M | re.S)
            if re.search("^COGNITO", item, re.M)
        )
        namespace: dict[str, Any] = {"__name__": "organisations"}
        exec(compile(block, heading, "exec"), namespace)
        settings.COGNITO = namespace["COGNITO"]

    return follow


def get(raw: str, **headers: str) -> tuple[str | None, list[str]]:
    """Return the tenant of a request with a token, and the permissions in it."""
    answer = Client().get("/", headers={**bearer(raw), **headers}).json()
    return answer["tenant"], answer["may"]


def test_user_pool_states_the_tenant(follow_model: Any) -> None:
    follow_model("### A user pool for each tenant")
    for alias in ("acme", "umbrella"):
        assert get(make_token(alias=alias, groups=["editors"])) == (alias, CHANGE)


def test_app_client_and_provider_state_the_tenant(follow_model: Any) -> None:
    follow_model("### An app client for each tenant")
    for alias, provider in (("acme", "AcmeSAML"), ("umbrella", "UmbrellaSAML")):
        own = f"eu-west-1_AbCdEfGhI_{provider}"
        assert get(make_token(alias=alias, username=alias, groups=["editors", own])) == (alias, CHANGE)


@pytest.mark.parametrize("provider", [None, "AcmeSAML", "UmbrellaSAML_2"])
def test_user_of_another_provider_has_no_tenant_at_a_client(follow_model: Any, provider: str | None) -> None:
    follow_model("### An app client for each tenant")
    groups = ["editors", *([f"eu-west-1_AbCdEfGhI_{provider}"] if provider else [])]
    assert get(make_token(alias="umbrella", groups=groups)) == (None, [])


def test_groups_state_the_tenant(settings: Any, follow_model: Any) -> None:
    follow_model("# Organisations in one pool")
    assert get(make_token(groups=["org/acme/editors"])) == ("acme", CHANGE)
    raw = make_token(username="bob", groups=["org/acme/editors", "org/umbrella/viewers"])
    assert get(raw) == (None, [])
    selector = load_object("organisations", "tenant_of_host")
    settings.COGNITO = {**settings.COGNITO, "TENANT": {"group_prefix": "org/", "selector": selector}}
    settings.ALLOWED_HOSTS = [".example.com"]
    answers = [get(raw, host=f"{host}.example.com") for host in ("acme", "umbrella", "beta")]
    assert answers == [("acme", CHANGE), ("umbrella", VIEW), (None, [])]


def test_custom_attribute_states_the_tenant(follow_model: Any) -> None:
    follow_model("### A custom attribute")
    claims = {"groups": ["editors"], "custom:tenant_id": "acme"}
    raw = make_token(groups=["editors"])
    assert get(raw) == (None, [])
    assert get(raw, **with_id_token(raw, make_token(token_use="id", **claims))) == ("acme", CHANGE)
    assert get(make_token(**claims)) == ("acme", CHANGE)  # a trigger has added it


@pytest.mark.parametrize(
    ("scope", "client_id", "expected", "may"),
    [
        ("acme/read", "2acme", "acme", True),
        ("acme/write", "2acme", "acme", False),
        ("umbrella/read", "3umbrella", "umbrella", True),
        ("acme/read umbrella/write", "2acme", None, False),
    ],
)
def test_scopes_of_a_machine_client_state_the_tenant(
    follow_model: Any, scope: str, client_id: str, expected: str | None, may: bool
) -> None:
    follow_model("### Custom scopes for each tenant")
    raw = make_token(username=None, client_id=client_id, scope=scope)
    answer = Client().get("/", headers=bearer(raw)).json()
    assert (answer["tenant"], answer["may_read"]) == (expected, may)


def test_scopes_of_a_user_state_no_tenant(follow_model: Any) -> None:
    follow_model("### Custom scopes for each tenant")
    assert get(make_token(scope="umbrella/read")) == (None, [])


def test_tenant_of_session_is_one_of_the_users_tenants() -> None:
    request, select = HttpRequest(), load_object("organisations", "tenant_of_session")
    for stored, expected in ((None, "acme"), ("umbrella", "umbrella"), ("beta", "acme")):
        request.session = {"tenant": stored}  # type: ignore[assignment]
        assert select(request, ("acme", "umbrella")) == expected


def test_rows_are_those_of_the_tenant(rf: Any) -> None:
    request, list_own_rows = rf.get("/"), load_object("organisations", "list_own_rows")
    request.cognito = SimpleNamespace(tenant="acme")
    rows = SimpleNamespace(filter=lambda **conditions: conditions)
    assert list_own_rows(request, rows) == {"tenant": "acme"}
    request.cognito.tenant = None
    with pytest.raises(PermissionDenied):
        list_own_rows(request, rows)
