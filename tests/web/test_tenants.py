"""`request.cognito.tenant`: a right in one tenant never counts in another, at any entry point."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import login
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db import connection
from django.http import HttpResponse, JsonResponse
from django.template import engines
from django.test import AsyncClient, Client
from django.urls import include, path
from django.views import View
from local_cognito_support.scripted_server import Answer
from rest_framework.response import Response
from rest_framework.views import APIView

from django_cognito.decorators import group_required, live_check_required
from django_cognito.drf import CognitoAuthentication, InGroup
from django_cognito.mixins import GroupRequiredMixin
from django_cognito.models import CognitoLogin
from django_cognito.users.live_check import ACCEPTED
from django_cognito.web import live_check
from tests.authorization.test_tenants import CLAIM, PREFIX
from tests.support.callers import bearer, end_tokens, with_id_token
from tests.support.scenarios.login import token_response
from tests.support.scenarios.users import NOW, token

pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys", "hosts")]

EDITORS = "org/acme/editors"
TEMPLATE = '{% load cognito %}{{ perms.auth.change_group }} {{ request.user|in_group:"org/acme/editors" }}'


def tenant_of_host(request: Any, tenants: tuple[str, ...]) -> str | None:
    return str(request.get_host()).partition(".")[0]


HOSTS = {**PREFIX, "TENANT": {"group_prefix": "org/", "selector": f"{__name__}.tenant_of_host"}}


def describe(request: Any) -> JsonResponse:
    user, side = request.user, request.cognito
    return JsonResponse(
        {
            "tenant": side.tenant,
            "tenants": side.tenants,
            "groups": side.groups,
            "may": [user.has_perm("auth.change_group"), user.has_perm("auth.view_group")],
        }
    )


async def describe_async(request: Any) -> JsonResponse:
    user = await request.auser()
    may = [await user.ahas_perm("auth.change_group"), await user.ahas_perm("auth.view_group")]
    return JsonResponse({**json.loads(describe(request).content), "may": may})


def render(request: Any) -> HttpResponse:
    text = engines["django"].from_string(TEMPLATE).render({}, request)
    return HttpResponse(text, status=200 if text == "True True" else 403)


def sign_in_bob(request: Any) -> JsonResponse:
    before = request.cognito.tenant
    login(request, User.objects.create_user("bob"), backend="django_cognito.backends.CognitoBackend")
    return JsonResponse({"before": before, "after": request.cognito.tenant})


class _Page(GroupRequiredMixin, View):
    required_groups = [EDITORS]

    def get(self, request: Any) -> HttpResponse:
        return HttpResponse("page")


class _Api(APIView):
    authentication_classes = [CognitoAuthentication]
    permission_classes = [InGroup(EDITORS)]

    def get(self, request: Any) -> Response:
        return Response({"tenant": request.cognito.tenant, "may": request.user.has_perm("auth.change_group")})


@group_required(EDITORS)
def edit(request: Any) -> HttpResponse:
    return HttpResponse("edited")


@group_required(EDITORS)
async def edit_async(request: Any) -> HttpResponse:
    return HttpResponse("edited")


@live_check_required(by="directory", groups=[EDITORS])
def edit_live(request: Any) -> HttpResponse:
    return HttpResponse("edited")


@live_check_required(by="directory", groups=[EDITORS, "support"])
def support_live(request: Any) -> HttpResponse:
    return HttpResponse("supported")


urlpatterns = [
    path("auth/", include("django_cognito.urls")),
    path("describe/", describe),
    path("describe/async/", describe_async),
    path("bob/", sign_in_bob),
    path("permission/", permission_required("auth.change_group", raise_exception=True)(edit.__wrapped__)),
    path("group/", edit),
    path("group/async/", edit_async),
    path("mixin/", _Page.as_view()),
    path("template/", render),
    path("api/", _Api.as_view()),
    path("live/", edit_live),
    path("live/support/", support_live),
]
ENTRY_POINTS = ["/permission/", "/group/", "/group/async/", "/mixin/", "/template/", "/api/"]


@pytest.fixture
def hosts(settings: Any) -> None:
    """Give each tenant a host. Without ModelBackend, whose denials cost queries."""
    settings.ALLOWED_HOSTS, settings.USE_X_FORWARDED_HOST = [".example.com"], True
    settings.AUTHENTICATION_BACKENDS = ["django_cognito.backends.CognitoBackend"]


def get(url: str, raw: str = "", *, host: str = "acme", client: Any = None, **headers: str) -> Any:
    """Return the response to a request with a token, or by a signed-in client, at the host of a tenant."""
    client = client or Client()
    if "async" in url and not isinstance(client, AsyncClient):
        cookies, client = client.cookies, AsyncClient()
        client.cookies = cookies
    call = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    return call(url, headers={**(bearer(raw) if raw else {}), "x-forwarded-host": f"{host}.example.com", **headers})


# Bearer tokens


@pytest.mark.parametrize("url", ["/describe/", "/describe/async/"])
def test_only_tenant_of_a_user_counts(cognito, url) -> None:
    cognito(**PREFIX)
    answer = get(url, token(EDITORS, "support")).json()
    assert answer == {"tenant": "acme", "tenants": ["acme"], "groups": [EDITORS, "support"], "may": [True, False]}


@pytest.mark.parametrize("url", ["/describe/", "/describe/async/"])
def test_none_of_several_tenants_counts_without_a_selector(cognito, url) -> None:
    cognito(**PREFIX)
    answer = get(url, token(EDITORS, "org/umbrella/viewers", "support")).json()
    assert (answer["tenant"], answer["tenants"]) == (None, ["acme", "umbrella"])
    assert (answer["groups"], answer["may"]) == (["support"], [False, False])


@pytest.mark.parametrize("url", ["/describe/", "/describe/async/"])
def test_right_in_one_tenant_does_not_count_in_another(cognito, url) -> None:
    cognito(**HOSTS)
    raw = token(EDITORS, "support", "org/umbrella/viewers")
    for _ in range(2):
        acme, umbrella = (get(url, raw, host=host).json() for host in ("acme", "umbrella"))
        assert (acme["tenant"], acme["groups"], acme["may"]) == ("acme", [EDITORS, "support"], [True, False])
        assert (umbrella["tenant"], umbrella["may"]) == ("umbrella", [False, True])
        assert umbrella["groups"] == ["support", "org/umbrella/viewers"]


@pytest.mark.parametrize("host", ["umbrella", "acme-2", "ac", "www", "ACME"])
def test_token_of_a_tenant_has_no_right_at_another_host(cognito, host) -> None:
    cognito(**HOSTS)
    answer = get("/describe/", token(EDITORS), host=host).json()
    assert (answer["tenant"], answer["tenants"], answer["may"]) == (None, ["acme"], [False, False])


@pytest.mark.parametrize("url", ENTRY_POINTS)
def test_entry_points_agree_on_the_tenant(cognito, url) -> None:
    cognito(**HOSTS)
    raw = token(EDITORS, "org/umbrella/viewers")
    statuses = [get(url, raw, host=host).status_code for host in ("acme", "umbrella", "beta", "acme")]
    assert statuses == [200, 403, 403, 200]


@pytest.mark.parametrize("url", ENTRY_POINTS)
def test_entry_points_agree_on_the_tenant_of_a_session(cognito, cognito_sign_in, client, url) -> None:
    cognito(**HOSTS)
    cognito_sign_in(groups=[EDITORS, "org/umbrella/viewers"])
    if url == "/api/":  # accepts no session
        return
    statuses = [get(url, client=client, host=host).status_code for host in ("acme", "umbrella", "beta", "acme")]
    assert statuses == [200, 403, 403, 200]


def test_live_check_of_a_group_counts_in_its_tenant_only(cognito, monkeypatch) -> None:
    """The directory states the groups of all tenants, so that it is asked for those that count alone."""
    cognito(**HOSTS)
    checked: list[tuple[str, ...]] = []
    monkeypatch.setattr(live_check, "check_user", lambda check: checked.append(check.requirement.groups) or ACCEPTED)
    raw = token(EDITORS, "org/umbrella/viewers")
    statuses = [
        get(url, raw, host=host).status_code for url in ("/live/", "/live/support/") for host in ("acme", "umbrella")
    ]
    assert statuses == [200, 403, 200, 200]
    assert checked == [(EDITORS,), (EDITORS, "support"), ("support",)]


def test_steady_request_makes_one_query_and_no_write(cognito, writes, django_assert_num_queries) -> None:
    cognito(**HOSTS)
    raw = token(EDITORS, "org/umbrella/viewers")
    get("/describe/", raw)
    for host in ("acme", "umbrella"):
        with django_assert_num_queries(1), writes(0):
            get("/describe/", raw, host=host)


def test_stored_groups_restrict_an_older_token(cognito) -> None:
    cognito(**HOSTS)
    old = token(EDITORS, "org/umbrella/viewers", at=-60)
    assert get("/describe/", old).json()["may"] == [True, False]
    get("/describe/", token("org/umbrella/viewers"))  # removed from acme meanwhile
    answer = get("/describe/", old).json()
    assert (answer["tenant"], answer["tenants"], answer["may"]) == (None, ["umbrella"], [False, False])


# Claims


def test_claim_of_the_id_token_header_is_the_tenant(cognito) -> None:
    cognito(**CLAIM)
    raw = token("editors")
    assert get("/describe/", raw).json()["tenant"] is None
    id_token = token("editors", token_use="id", **{"custom:tenant_id": "acme"})
    answer = get("/describe/", raw, **with_id_token(raw, id_token)).json()
    assert (answer["tenant"], answer["may"]) == ("acme", [True, False])


def test_older_token_of_a_former_tenant_has_no_later_group(cognito) -> None:
    """The stored groups are those of the present tenant: they do not count in a former one."""
    cognito(**CLAIM)
    old = token("viewers", at=-60, **{"custom:tenant_id": "acme"})
    assert get("/describe/", old).json()["may"] == [False, True]
    new = get("/describe/", token("editors", "viewers", **{"custom:tenant_id": "umbrella"})).json()
    assert (new["tenant"], new["may"]) == ("umbrella", [True, True])
    answer = get("/describe/", old).json()
    assert (answer["tenant"], answer["groups"], answer["may"]) == ("acme", ["viewers"], [False, True])


def test_older_id_token_of_a_former_tenant_has_no_later_group(cognito) -> None:
    cognito(**CLAIM)
    old = token("viewers", token_use="id", at=-60, **{"custom:tenant_id": "acme"})
    raw = token("editors", "viewers")
    answer = get("/describe/", raw, **with_id_token(raw, old)).json()
    assert (answer["tenant"], answer["groups"], answer["may"]) == ("acme", ["viewers"], [False, True])


def test_forged_claim_is_rejected(cognito) -> None:
    cognito(**CLAIM)
    raw, claims = token("editors"), {"custom:tenant_id": "umbrella"}
    forged = token("editors", token_use="id", key=rsa.generate_private_key(65_537, 2_048), **claims)
    of_another_user = token("editors", token_use="id", username="bob", **claims)
    for id_token in (forged, of_another_user):
        assert get("/describe/", raw, **with_id_token(raw, id_token)).status_code == 401
    answer = get("/describe/?tenant=umbrella", raw, **{"x-tenant": "umbrella", "custom:tenant_id": "umbrella"}).json()
    assert (answer["tenant"], answer["may"]) == (None, [False, False])


def tenant_of_scope(token: Any) -> str | None:
    tenants = {scope.partition("/")[0] for scope in token.scopes if "/" in scope}
    return tenants.pop() if len(tenants) == 1 else None


def test_function_states_the_tenant_of_a_machine_client(cognito) -> None:
    cognito(**{**PREFIX, "TENANT": {"function": f"{__name__}.tenant_of_scope"}})
    for scope, expected in (("acme/read", "acme"), ("acme/read umbrella/read", None), ("openid", None)):
        answer = get("/describe/", token(username=None, scope=scope)).json()
        assert (answer["tenant"], answer["groups"], answer["may"]) == (expected, [], [False, False])


# Sessions


@pytest.mark.parametrize("url", ["/describe/", "/describe/async/"])
def test_session_has_the_tenant_of_its_id_token(
    cognito, cognito_sign_in, client, url, django_assert_num_queries, writes
) -> None:
    cognito(**CLAIM)
    cognito_sign_in(groups=["editors"], **{"custom:tenant_id": "acme"})
    get(url, client=client)
    with django_assert_num_queries(2), writes(0):
        answer = get(url, client=client).json()
    assert (answer["tenant"], answer["may"]) == ("acme", [True, False])


@pytest.mark.parametrize("url", ["/describe/", "/describe/async/"])
def test_refresh_that_moves_the_tenant_moves_the_rights(cognito, cognito_sign_in, client, token_endpoint, url) -> None:
    cognito(**CLAIM)
    cognito_sign_in(groups=["editors"], refresh_token="r", iat=NOW - 60, **{"custom:tenant_id": "acme"})
    assert get(url, client=client).json()["tenant"] == "acme"
    origin_jti = CognitoLogin.objects.get().origin_jti
    moved = {"groups": ["viewers"], "origin_jti": origin_jti, "custom:tenant_id": "umbrella"}
    token_endpoint.script(token_response(both=moved))
    end_tokens()
    answer = get(url, client=client).json()
    assert (answer["tenant"], answer["groups"], answer["may"]) == ("umbrella", ["viewers"], [False, True])


def test_login_of_another_user_has_no_tenant(cognito, cognito_sign_in, client) -> None:
    cognito(**PREFIX)
    cognito_sign_in(groups=[EDITORS])
    assert get("/bob/", client=client).json() == {"before": "acme", "after": None}
    assert get("/describe/", client=client).json()["tenant"] is None


def test_outage_of_a_user_with_rights_in_a_tenant_is_503(cognito, cognito_sign_in, client, token_endpoint) -> None:
    for configuration in ({**PREFIX, "GROUPS": {}}, {**CLAIM, "GROUPS": {}}):
        cognito(**configuration)
        cognito_sign_in(groups=[EDITORS, "editors"], refresh_token="r", **{"custom:tenant_id": "acme"})
        end_tokens()
        token_endpoint.script(Answer(500))
        assert get("/permission/", client=client).status_code == 503


def test_outage_of_a_member_without_rights_keeps_the_session(cognito, cognito_sign_in, client, token_endpoint) -> None:
    cognito(**{**PREFIX, "GROUPS": {}})
    cognito_sign_in(groups=["org/acme", "editors"], refresh_token="r")
    end_tokens()
    token_endpoint.script(Answer(500))
    assert get("/permission/", client=client).status_code == 403


# The user cache and several threads


@pytest.mark.django_db(transaction=True)
def test_cached_user_has_the_tenant_of_each_request(cognito, django_assert_num_queries) -> None:
    cognito(**HOSTS, USER_CACHE_SECONDS=60)
    raw = token(EDITORS, "org/umbrella/viewers")
    get("/describe/", raw), get("/describe/", raw)
    for host, may in (("acme", [True, False]), ("umbrella", [False, True]), ("www", [False, False])) * 2:
        with django_assert_num_queries(0):
            assert get("/describe/", raw, host=host).json()["may"] == may


@pytest.mark.django_db(transaction=True)
def test_interleaved_requests_of_two_tenants_do_not_mix(cognito) -> None:
    cognito(**HOSTS, USER_CACHE_SECONDS=60)
    raw = token(EDITORS, "org/umbrella/viewers")
    get("/describe/", raw), get("/describe/", raw)

    def request(host: str) -> Any:
        try:
            return host, get("/describe/", raw, host=host).json()["may"]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(request, ["acme", "umbrella"] * 20))
    assert {(host, *may) for host, may in answers} == {("acme", True, False), ("umbrella", False, True)}
