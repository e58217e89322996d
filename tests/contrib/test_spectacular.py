"""The OpenAPI schema of an API with `CognitoAuthentication`, and the page of Swagger UI."""

import json
import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.validation import validate_schema
from rest_framework.permissions import IsAuthenticated

from django_cognito.contrib.spectacular import scheme
from django_cognito.drf import HasScope, InGroup, RecentSignIn, RequiresMfa
from django_cognito.drf.schema import describe_permissions, get_scope_alternatives

pytestmark = pytest.mark.urls("tests.contrib.spectacular_site")

CLIENT_ID = "1testclient23456789"
BEARER, OAUTH2 = {scheme.BEARER: []}, {scheme.OAUTH2: []}


@pytest.fixture(autouse=True)
def _installed(settings: Any) -> None:
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular", "drf_spectacular_sidecar"]
    auto_schema = "django_cognito.contrib.spectacular.auto_schema.CognitoAutoSchema"
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": auto_schema}


def get_schema() -> dict[str, Any]:
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    validate_schema(schema)
    return schema


def get_operation(name: str) -> dict[str, Any]:
    operation: dict[str, Any] = get_schema()["paths"][f"/api/{name}/"]["get"]
    return operation


def get_swagger_ui(client: Client) -> str:
    """Return the page and its script."""
    return "".join(client.get("/docs/", query).content.decode() for query in ({}, {"script": ""}))


def get_oauth2_config(client: Client) -> Any:
    match = re.search(r"ui\.initOAuth\((.*)\);", get_swagger_ui(client))
    assert match
    return json.loads(match[1])


def test_scheme_is_found_without_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    get_schema()
    assert capsys.readouterr().err == ""  # drf-spectacular warns there


def test_schema_has_a_bearer_and_an_oauth2_scheme() -> None:
    schemes = get_schema()["components"]["securitySchemes"]
    assert schemes[scheme.BEARER] == {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    flow = schemes[scheme.OAUTH2]["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == "https://login.example.com/oauth2/authorize"
    assert flow["tokenUrl"] == "https://login.example.com/oauth2/token"
    assert set(flow["scopes"]) == {"openid", "email", "profile", "orders/read", "orders/write", "a", "b"}


def test_schema_without_domain_has_a_bearer_scheme_only(cognito: Any) -> None:
    cognito(DOMAIN="")
    schema = get_schema()
    assert set(schema["components"]["securitySchemes"]) == {scheme.BEARER, "cookieAuth"}
    assert schema["paths"]["/api/order/"]["get"]["security"] == [BEARER]


@pytest.mark.parametrize(("token_use", "name"), [("access", None), ("id", "id_token")])
def test_swagger_ui_sends_the_token_that_the_api_accepts(cognito: Any, token_use: str, name: str | None) -> None:
    cognito(TOKEN_USE=token_use)
    assert get_schema()["components"]["securitySchemes"][scheme.OAUTH2].get("x-tokenName") == name


SECURITY: dict[str, list[Any]] = {
    "who": [BEARER, OAUTH2],
    "subclass": [BEARER, OAUTH2],
    "public": [BEARER, OAUTH2, {}],
    "session": [{"cookieAuth": []}],
    "edit": [BEARER, OAUTH2],
    "order": [BEARER, {scheme.OAUTH2: ["orders/read", "orders/write"]}],
    "either": [BEARER, OAUTH2, {scheme.OAUTH2: ["orders/read"]}],
    "both": [BEARER, {scheme.OAUTH2: ["a"]}, {scheme.OAUTH2: ["b"]}],
}


def test_operation_has_its_security_requirements() -> None:
    paths = get_schema()["paths"]
    assert {name: paths[f"/api/{name}/"]["get"]["security"] for name in SECURITY} == SECURITY


REQUIREMENTS = {
    "who": [],
    "edit": ["Requires the group `editors` or `admins`."],
    "order": ["Requires the scope `orders/read` and `orders/write`."],
    "both": ["Requires `IsAuthenticated` and not the group `x`; and the scope `a` or the scope `b`."],
    "admin": ["Requires `IsAdminUser` or (the group `editors` and the scope `orders/read`)."],
}


def test_description_names_the_required_rights() -> None:
    paths = get_schema()["paths"]
    texts = {name: paths[f"/api/{name}/"]["get"]["description"].split("\n\n") for name in REQUIREMENTS}
    assert texts == {name: ["Return the caller.", *requirement] for name, requirement in REQUIREMENTS.items()}


@pytest.mark.parametrize(
    ("permissions", "alternatives"),
    [
        ([], [()]),
        ([IsAuthenticated, ~HasScope("a")], [()]),
        ([HasScope("a"), HasScope("b", "a")], [("a", "b")]),
        ([HasScope("a") & (HasScope("b") | InGroup("c"))], [("a", "b"), ("a",)]),
        ([HasScope("a") | HasScope("a")], [("a",)]),
    ],
)
def test_scope_alternatives_of_combined_permissions(permissions: list[Any], alternatives: list[Any]) -> None:
    assert get_scope_alternatives([permission() for permission in permissions]) == alternatives


def test_permissions_without_rights_have_no_description() -> None:
    assert describe_permissions([IsAuthenticated()]) == ""


def test_required_sign_in_is_described() -> None:
    permissions: list[Any] = [RecentSignIn(300), RequiresMfa(acr_values=["gold"]) | InGroup("editors")]
    sentence = "Requires a sign-in with `max_age=300`; and a sign-in with `acr_values=gold` or the group `editors`."
    assert describe_permissions([permission() for permission in permissions]) == sentence


@pytest.mark.parametrize(
    ("name", "statuses"),
    [("who", {"200", "401", "403", "503"}), ("public", {"200", "401", "503"}), ("session", {"200"})],
)
def test_operation_documents_its_error_responses(name: str, statuses: set[str]) -> None:
    responses = get_operation(name)["responses"]
    assert set(responses) == statuses
    for status in statuses - {"200"}:
        body = responses[status]["content"]["application/json"]["schema"]
        assert body == {"$ref": "#/components/schemas/CognitoError"}


def test_response_that_the_site_documents_stays() -> None:
    responses = get_operation("errors")["responses"]
    assert responses["401"]["content"]["application/json"]["schema"] == {"type": "integer"}
    assert "503" in responses


def test_other_schema_classes_have_the_schemes_too(settings: Any) -> None:
    settings.REST_FRAMEWORK = {
        **settings.REST_FRAMEWORK,
        "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    }
    assert get_operation("order")["security"] == [BEARER, {scheme.OAUTH2: ["orders/read", "orders/write"]}]


def test_schema_of_several_pools_is_that_of_the_first(settings: Any) -> None:
    pools = {
        "acme": {"USER_POOL_ID": "eu-west-1_Acme", "CLIENT_ID": "1acme", "DOMAIN": "acme.example.com"},
        "umbrella": {"USER_POOL_ID": "eu-west-1_Umbrella", "CLIENT_ID": "1umbrella", "DOMAIN": "umbrella.example.com"},
    }
    settings.COGNITO = {"POOLS": pools}
    flow = get_schema()["components"]["securitySchemes"][scheme.OAUTH2]["flows"]["authorizationCode"]
    assert flow["authorizationUrl"] == "https://acme.example.com/oauth2/authorize"


def test_swagger_ui_gets_the_client_id_and_pkce(client: Client, cognito: Any) -> None:
    cognito(DOCS_CLIENT_ID=CLIENT_ID)
    assert get_oauth2_config(client) == {
        "clientId": CLIENT_ID,
        "scopes": ["openid", "email", "profile"],
        "usePkceWithAuthorizationCodeGrant": True,
        "additionalQueryStringParams": {},
    }


def test_swagger_ui_requests_the_resource(client: Client, cognito: Any) -> None:
    cognito(RESOURCE="https://api.example.com")
    assert get_oauth2_config(client)["additionalQueryStringParams"] == {"resource": "https://api.example.com"}


def test_swagger_ui_never_gets_the_client_secret(client: Client, cognito: Any) -> None:
    cognito(CLIENT_SECRET="a secret of this site", DOCS_CLIENT_ID="1docs", CLIENT_IDS=[CLIENT_ID, "1docs"])
    assert "a secret of this site" not in get_swagger_ui(client) + str(get_schema())


def test_swagger_ui_has_no_inline_script(client: Client) -> None:
    assert "<script>" not in client.get("/docs/").content.decode()


def test_swagger_ui_loads_local_files_only(client: Client) -> None:
    pages = get_swagger_ui(client) + client.get("/docs/oauth2-redirect.html").content.decode()
    sources = re.findall(r'(?:src|href)="([^"]+)"', pages)
    assert {"swagger-ui-bundle.js", "oauth2-redirect.js"} <= {source.rpartition("/")[2] for source in sources}
    own = ("/static/drf_spectacular_sidecar/", "/docs/")
    assert [source for source in sources if not source.startswith(own)] == []


def test_script_of_swagger_ui_is_for_its_own_origin_only(client: Client) -> None:
    answer = client.get("/docs/", {"script": ""})
    assert "X-CSRFTOKEN" in answer.content.decode()
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


def test_swagger_ui_can_reach_the_window_of_the_sign_in(client: Client) -> None:
    assert client.get("/docs/")["Cross-Origin-Opener-Policy"] == "unsafe-none"


def test_redirect_page_can_reach_its_opener_and_is_not_stored(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    answer = client.get("/docs/oauth2-redirect.html", {"code": "a-code"})
    assert answer.status_code == 200
    assert answer["Cross-Origin-Opener-Policy"] == "unsafe-none"
    assert (answer["Cache-Control"], answer["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert "a-code" not in answer.content.decode()
