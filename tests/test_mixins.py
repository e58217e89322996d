"""Class-based views with the mixins: the rules are those of the decorators, in sync and async views."""

from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse
from django.template import Context, Template
from django.test import AsyncClient, Client
from django.urls import include, path
from django.views import View

from django_cognito.authorization.rights import UnavailableRights, set_rights
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.mixins import (
    GroupRequiredMixin,
    LiveCheckRequiredMixin,
    MfaRequiredMixin,
    RecentSignInRequiredMixin,
    ScopeRequiredMixin,
)
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from tests.support.callers import bearer

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys")]


class _Page(View):
    def get(self, request: HttpRequest, number: int = 0) -> HttpResponse:
        return HttpResponse(f"page {number}")


class _AsyncPage(View):
    async def get(self, request: HttpRequest, number: int = 0) -> HttpResponse:
        return HttpResponse(f"page {number}")


def _is_secret(view: Any, request: HttpRequest) -> bool:
    return "secret" in request.GET


_REQUIREMENTS: dict[str, Any] = {
    "group": ((GroupRequiredMixin,), {"required_groups": ["editors", "admins"]}),
    "scope": ((ScopeRequiredMixin,), {"required_scopes": ["orders/read", "orders/write"]}),
    "both": (
        (GroupRequiredMixin, ScopeRequiredMixin),
        {"required_groups": ["editors"], "required_scopes": ["orders/read"]},
    ),
    "recent": ((RecentSignInRequiredMixin,), {}),
    "mfa": ((MfaRequiredMixin,), {}),
    "sometimes": ((MfaRequiredMixin,), {"is_mfa_required": _is_secret}),
}
_PAGES = {"": _Page, "async/": _AsyncPage}

urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    *(
        path(f"{name}/{suffix}<int:number>/", type("Guarded", (*mixins, page), attributes).as_view())
        for name, (mixins, attributes) in _REQUIREMENTS.items()
        for suffix, page in _PAGES.items()
    ),
]

SUFFIXES = pytest.mark.parametrize("suffix", _PAGES)


def get(url: str, **claims: Any) -> Any:
    """Return the response to a request with a token, by WSGI, and check that ASGI gives the same."""
    headers = bearer(make_token(**claims)) if claims else {}
    response = Client().get(url, headers=headers)
    other: Any = async_to_sync(AsyncClient().get)(url, headers=headers)
    assert (other.status_code, other.content) == (response.status_code, response.content)
    return response


@SUFFIXES
@pytest.mark.parametrize("name", ["group", "scope", "both", "recent", "mfa"])
def test_anonymous_user_is_redirected_to_the_login(name: str, suffix: str) -> None:
    response = get(f"/{name}/{suffix}7/")
    assert (response.status_code, response["Location"].partition("?")[0]) == (302, "/auth/login/")


@SUFFIXES
@pytest.mark.parametrize(
    ("name", "claims", "code"),
    [
        ("group", {"groups": ["guests"]}, "group_required"),
        ("scope", {"scope": "orders/read"}, "scope_required"),
        ("both", {"groups": ["editors"]}, "scope_required"),
        ("both", {"scope": "orders/read"}, "group_required"),
        ("recent", {"auth_time": 1_000_000_000}, "insufficient_user_authentication"),
        ("mfa", {"groups": ["editors"]}, "insufficient_user_authentication"),
    ],
)
def test_token_without_the_right_is_refused(name: str, claims: dict[str, Any], code: str, suffix: str) -> None:
    response = get(f"/{name}/{suffix}7/", **claims)
    assert response.json()["code"] == code
    assert response.status_code == (401 if code == "insufficient_user_authentication" else 403)


@SUFFIXES
@pytest.mark.parametrize(
    ("name", "claims"),
    [
        ("group", {"groups": ["admins"]}),
        ("scope", {"scope": "orders/write orders/read"}),
        ("both", {"groups": ["editors"], "scope": "orders/read"}),
        ("recent", {"groups": ["guests"]}),
        ("mfa", {"amr": ["pwd", "mfa"]}),
        ("sometimes", {"groups": ["guests"]}),
    ],
)
def test_token_with_the_right_gets_the_page(name: str, claims: dict[str, Any], suffix: str) -> None:
    response = get(f"/{name}/{suffix}7/", **claims)
    assert (response.status_code, response.content) == (200, b"page 7")


@SUFFIXES
def test_mfa_is_required_if_the_method_says_so(suffix: str) -> None:
    assert get(f"/sometimes/{suffix}7/?secret", groups=["guests"]).status_code == 401


@SUFFIXES
def test_other_methods_are_guarded_too(suffix: str) -> None:
    for method in ("post", "options", "head", "delete"):
        url, headers = f"/group/{suffix}7/", bearer(make_token())
        assert getattr(Client(), method)(url, headers=headers).status_code == 403


@SUFFIXES
def test_session_user_with_the_group_gets_the_page(client: Client, suffix: str) -> None:
    sign_in(client, groups=["editors"])
    assert client.get(f"/group/{suffix}7/").content == b"page 7"


@pytest.mark.parametrize("names", ["editors", (), [""], [1], None])
@pytest.mark.parametrize(
    ("mixin", "attribute"), [(GroupRequiredMixin, "required_groups"), (ScopeRequiredMixin, "required_scopes")]
)
def test_view_without_names_fails_at_the_import_of_the_urls(mixin: Any, attribute: str, names: Any) -> None:
    view: Any = type("NotesView", (mixin, _Page), {attribute: names})
    with pytest.raises(ImproperlyConfigured, match=rf"NotesView\.{attribute} must be a list"):
        view.as_view()


@pytest.mark.parametrize("groups", [[], "editors", ["editors"]])
def test_live_check_that_cannot_work_fails_at_the_import_of_the_urls(groups: Any) -> None:
    """GetUser returns no groups, and an empty list would require none."""
    view: Any = type("NotesView", (LiveCheckRequiredMixin, _Page), {"live_check_groups": groups})
    with pytest.raises((TypeError, ValueError)):
        view.as_view(live_check_by="get_user" if groups == ["editors"] else "directory")


@pytest.mark.parametrize("bases", [(_Page, GroupRequiredMixin), (View, ScopeRequiredMixin)])
def test_mixin_after_the_view_class_is_an_error(bases: tuple[type, ...]) -> None:
    with pytest.raises(TypeError, match="write the mixins of django_cognito before the view class"):
        type("NotesView", bases, {"required_groups": ["editors"]})


def test_argument_of_as_view_replaces_the_attribute() -> None:
    view: Any = type("NotesView", (GroupRequiredMixin, _Page), {})
    assert view.as_view(required_groups=["editors"])
    with pytest.raises(ImproperlyConfigured):
        type("NotesView", (GroupRequiredMixin, _Page), {"required_groups": ["editors"]}).as_view(required_groups=[])  # type: ignore[attr-defined]


# Template filters

TEMPLATE = Template(
    "{% load cognito %}"
    "{% if user|in_group:'editors' %}editor{% endif %} {% if user|has_scope:'orders/read' %}reads{% endif %}"
)


def render(user: Any) -> str:
    return TEMPLATE.render(Context({"user": user}))


def test_filters_are_true_for_a_user_with_the_right() -> None:
    user, _ = authenticate(make_token(groups=["editors"], scope="orders/read"))
    assert render(user) == "editor reads"


def test_filters_are_false_for_other_users(django_user_model: Any) -> None:
    user, _ = authenticate(make_token(groups=["editors-of-another-site"], scope="orders/read-all"))
    assert render(user) == " "
    assert render(django_user_model.objects.create(username="local")) == " "


def render_without_rights(user: Any, source: str) -> str:
    set_rights(user, UnavailableRights(failure=CognitoUnavailableError("no response")))
    return Template("{% load cognito %}" + source).render(Context({"user": user}))


@pytest.mark.parametrize("source", ["{{ user|in_group:'a' }}", "{% if user|has_scope:'a/b' %}{% endif %}"])
def test_filter_without_the_rights_raises(django_user_model: Any, source: str) -> None:
    with pytest.raises(CognitoUnavailableError):
        render_without_rights(django_user_model.objects.create(username="alice"), source)


@pytest.mark.parametrize("condition", ["not user|in_group:'banned'", "user|in_group:'a' or user|in_group:'b'"])
def test_expression_without_the_rights_is_false(django_user_model: Any, condition: str) -> None:
    """Django catches errors in expressions with an operator (`django.template.smartif`)."""
    user = django_user_model.objects.create(username="alice")
    assert render_without_rights(user, f"{{% if {condition} %}}shown{{% endif %}}") == ""
