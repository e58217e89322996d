"""`request.cognito.aws`: the credentials of the request's user only, fetched on first use, cached, never shown."""

import asyncio
import json
import logging
import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from itertools import chain
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito.aws.client_cache import clear_cache
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from django_cognito.core.hosted_ui import HostedUi
from django_cognito.core.identity_pool import IdentityPool
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from tests.support.callers import bearer, end_tokens
from tests.support.error_reports import report_of
from tests.support.scenarios.login import Gate, token_response
from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

from .token_identity_endpoint import (
    GET_CREDENTIALS,
    GET_ID,
    OTHER_POOL_ID,
    POOL_ID,
    TokenIdentityEndpoint,
    access_key_of,
    identity_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.aws.request_aws_views")]

each_entry_point = pytest.mark.parametrize(
    "url", ["/identity/", "/identity/async/", "/identity/client/async/", "/identity/template/"]
)
each_api_entry_point = pytest.mark.parametrize(
    "url", ["/identity/", "/identity/async/", "/identity/api/", "/identity/api/guarded/"]
)
MIDDLEWARE = "django_cognito.middleware.CognitoMiddleware"


@pytest.fixture(autouse=True)
def identity_endpoint(settings: Any, cognito_keys: None) -> Iterator[TokenIdentityEndpoint]:
    """Yield the identity pool of the site."""
    with TokenIdentityEndpoint() as endpoint:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
        yield endpoint
        clear_cache()


def id_token(username: str = "alice", **claims: Any) -> str:
    return make_token(token_use="id", username=username, **claims)


def both(username: str = "alice", id_claims: Any = None, **claims: Any) -> dict[str, str]:
    """Return the headers of an API request with both tokens of a sign-in."""
    id_raw = id_token(username, **(id_claims or {}))
    return {**bearer(make_token(username=username, **claims)), "x-cognito-id-token": id_raw}


def identity(username: str) -> str:
    return identity_of(id_token(username))


def aws_of(client: Client, **headers: str) -> Any:
    """Return `request.cognito.aws` of a new request; nothing has used it."""
    request: Any = client.get("/unused/", headers=headers).wsgi_request
    return request.cognito.aws


def code_of(error: type[CognitoError], call: Callable[[], Any]) -> str:
    with pytest.raises(error) as raised:
        call()
    return raised.value.code


def send(client: Client | AsyncClient, url: str, headers: dict[str, str] | None = None) -> Any:
    get: Any = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    return get(url, headers=headers or {})


def stored_identity(username: str = "alice") -> tuple[str, str]:
    """Return the identity and the identity pool of the link row."""
    link = CognitoUser.objects.get(username=username)
    return link.identity_id, link.identity_pool_id


# Users


@each_entry_point
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_session_has_the_credentials_of_its_user(make: Callable[[], Any], url: str) -> None:
    client = make()
    sign_in(client)
    assert identity("alice") in send(client, url).content.decode()
    assert stored_identity() == (identity("alice"), POOL_ID)


@each_api_entry_point
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_api_request_with_id_token_has_its_users_credentials(make: Callable[[], Any], url: str) -> None:
    content = send(make(), url, both()).json()
    assert (content["identity"], content["key"]) == (identity("alice"), access_key_of(identity("alice")))
    assert stored_identity() == (identity("alice"), POOL_ID)


@each_api_entry_point
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_api_request_without_id_token_gets_403_with_a_hint(
    make: Callable[[], Any], url: str, identity_endpoint: TokenIdentityEndpoint
) -> None:
    response = send(make(), url, bearer(make_token()))
    assert (response.status_code, response.json()["code"]) == (403, "id_token_required")
    assert "X-Cognito-Id-Token" in response.json()["detail"]
    assert response["Cache-Control"] == "no-store"
    assert identity_endpoint.take_operations() == []


@pytest.mark.parametrize("in_header", [False, True], ids=["without header", "with header"])
def test_bearer_id_token_is_used_for_credentials(
    client: Client, settings: Any, identity_endpoint: TokenIdentityEndpoint, in_header: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": "id"}
    raw = id_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA")  # of the access token of the same sign-in
    headers = {**bearer(raw), **({"x-cognito-id-token": raw} if in_header else {})}
    assert send(client, "/identity/", headers).json()["identity"] == identity("alice")
    assert set(identity_endpoint.tokens) == {raw}


@each_api_entry_point
def test_client_token_has_no_credentials(client: Client, identity_endpoint: TokenIdentityEndpoint, url: str) -> None:
    response = send(client, url, bearer(make_token(username=None)))
    assert (response.status_code, response.json()["code"]) == (403, "person_required")
    assert identity_endpoint.take_operations() == []


@each_entry_point
@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("kind", ["anonymous", "local password"])
def test_user_without_cognito_login_has_no_credentials(
    make: Callable[[], Any], identity_endpoint: TokenIdentityEndpoint, django_user_model: Any, kind: str, url: str
) -> None:
    client = make()
    if kind == "local password":
        client.force_login(django_user_model.objects.create_user("local"), "django.contrib.auth.backends.ModelBackend")
    response = send(client, url)
    assert (response.status_code, response.json()["code"]) == (403, "not_signed_in")
    assert identity_endpoint.take_operations() == []


def test_drf_without_the_middleware_has_credentials(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = []
    assert send(client, "/identity/api/", both()).json()["identity"] == identity("alice")


def test_bearer_request_does_not_use_credentials_of_the_session(
    client: Client, identity_endpoint: TokenIdentityEndpoint
) -> None:
    sign_in(client, "carol")
    assert send(client, "/identity/", both("alice")).json()["identity"] == identity("alice")
    assert send(client, "/identity/", bearer(make_token())).json()["code"] == "id_token_required"
    assert send(client, "/identity/").json()["identity"] == identity("carol")


def test_id_token_header_is_ignored_for_a_session(client: Client, identity_endpoint: TokenIdentityEndpoint) -> None:
    sign_in(client, "carol")
    for header in (id_token("bob"), "no token"):
        assert send(client, "/identity/", {"x-cognito-id-token": header}).json()["identity"] == identity("carol")


def test_token_set_by_a_later_middleware_overrides_the_session(client: Client, settings: Any) -> None:
    site_middleware = "tests.aws.request_aws_views.token_in_a_cookie"
    at = settings.MIDDLEWARE.index(MIDDLEWARE) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], site_middleware, *settings.MIDDLEWARE[at:]]
    sign_in(client, "carol")
    client.cookies["token"], client.cookies["id_token"] = make_token(username="bob"), id_token("bob")
    assert send(client, "/identity/api/").json()["identity"] == identity("bob")
    assert stored_identity("bob") == (identity("bob"), POOL_ID)
    assert stored_identity("carol") == ("", "")


def test_changed_user_of_a_request_has_its_own_credentials(client: Client) -> None:
    sign_in(client, "carol")
    request: Any = client.get("/unused/").wsgi_request
    aws = request.cognito.aws
    assert aws.identity_id == identity("carol")
    raw, id_raw = make_token(username="bob"), id_token("bob")
    request.cognito.set_bearer(*authenticate(raw, id_token=id_raw), raw, id_raw)
    assert aws.identity_id == identity("bob")
    assert (stored_identity("carol")[0], stored_identity("bob")[0]) == (identity("carol"), identity("bob"))


@pytest.mark.defends("RP-22")
@pytest.mark.django_db(transaction=True)
def test_parallel_requests_have_credentials_of_their_own_user(client: Client) -> None:
    names = ["alice", "bob"]
    headers = {name: both(name) for name in names}
    for name in names:  # create their rows: first requests are not tested here
        send(client, "/unused/", headers[name])
    barrier = threading.Barrier(len(names))

    def call(name: str) -> set[str]:
        barrier.wait(120)
        return {aws_of(Client(), **headers[name]).identity_id for _ in range(20)}

    _in_threads(call, names, {name: {identity(name)} for name in names})


def _in_threads(call: Callable[[str], Any], names: list[str], expected: dict[str, Any]) -> None:
    def call_and_close(name: str) -> Any:
        try:
            return call(name)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(names)) as pool:
        assert dict(zip(names, pool.map(call_and_close, names), strict=True)) == expected


# Number of requests


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_no_request_is_made_before_it_is_needed(
    client: Client, identity_endpoint: TokenIdentityEndpoint, django_assert_num_queries: Any, by: str
) -> None:
    sign_in(client)
    headers = both() if by == "bearer" else {}
    send(client, "/unused/", headers)
    with django_assert_num_queries(1 if by == "bearer" else 0):  # the user of the bearer token
        assert send(client, "/unused/", headers).content.endswith(b"<Aws>")
    assert identity_endpoint.take_operations() == []


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_first_use_makes_two_queries_and_two_requests(
    client: Client, identity_endpoint: TokenIdentityEndpoint, django_assert_num_queries: Any, by: str
) -> None:
    sign_in(client)
    headers, queries = (both(), 1) if by == "bearer" else ({}, 2)
    send(client, "/unused/", headers)
    with django_assert_num_queries(queries + 2):  # read and store the identity
        send(client, "/identity/", headers)
    assert identity_endpoint.take_operations() == [GET_ID, GET_CREDENTIALS]
    with django_assert_num_queries(queries):
        send(client, "/identity/", headers)
    assert identity_endpoint.take_operations() == []


def test_new_id_token_gets_credentials_for_the_stored_identity(
    client: Client, identity_endpoint: TokenIdentityEndpoint, django_assert_num_queries: Any
) -> None:
    send(client, "/identity/", both())
    identity_endpoint.take_operations()
    headers = both()
    aws = aws_of(client, **headers)
    with django_assert_num_queries(1):
        assert aws.identity_id == identity("alice")
    assert identity_endpoint.take_operations() == [GET_CREDENTIALS]
    assert identity_endpoint.tokens[-1] == headers["x-cognito-id-token"]


def test_another_identity_pool_has_another_identity(
    client: Client, settings: Any, identity_endpoint: TokenIdentityEndpoint
) -> None:
    send(client, "/identity/", headers := both())
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": OTHER_POOL_ID}
    identity_endpoint.take_operations()
    identity_endpoint.merged[identity("alice")] = "eu-west-1:abc"
    assert send(client, "/identity/", headers).json()["identity"] == "eu-west-1:abc"
    assert identity_endpoint.take_operations() == [GET_ID, GET_CREDENTIALS]
    assert stored_identity() == ("eu-west-1:abc", OTHER_POOL_ID)


ZEN_IDENTITY_POOL = "us-east-1:88888888-7c3e-4b1f-8f5e-2d9a3e4c5b6a"


@pytest.fixture
def zen(settings: Any, identity_endpoint: TokenIdentityEndpoint) -> Iterator[TokenIdentityEndpoint]:
    """Yield the identity pool of the second of two user pools; `identity_endpoint` is that of the first one."""
    with TokenIdentityEndpoint() as endpoint:
        acme = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
        acme |= {"IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": identity_endpoint.url}
        other = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}
        other |= {"IDENTITY_POOL_ID": ZEN_IDENTITY_POOL, "ENDPOINT_URL": endpoint.url, "LOGINS_KEY": "login.zen"}
        settings.COGNITO = {"POOLS": {"acme": acme, "zen": other}, "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS}
        yield endpoint


def get_id_requests(endpoint: TokenIdentityEndpoint) -> list[dict[str, Any]]:
    """Return the parameters of the GetId requests to an identity pool."""
    bodies = [json.loads(request.body) for request in endpoint.requests]
    return [body for body in bodies if "IdentityPoolId" in body]


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_identity_pool_of_the_tokens_user_pool_is_used(
    make: Callable[[], Any], identity_endpoint: TokenIdentityEndpoint, zen: TokenIdentityEndpoint, by: str
) -> None:
    client, url = make(), "/identity/async/" if make is AsyncClient else "/identity/"
    expected = {
        "acme": (identity_endpoint, zen, POOL_ID, "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1"),
        "zen": (zen, identity_endpoint, ZEN_IDENTITY_POOL, "login.zen"),
    }
    for alias, (own, other, pool_id, key) in expected.items():
        own.requests.clear()
        other.requests.clear()
        headers = both(alias=alias, id_claims={"alias": alias})
        if by == "session":
            sign_in(client, alias=alias)
            headers = {}
        assert send(client, url, headers).json()["identity"] == identity("alice")
        assert [(body["IdentityPoolId"], list(body["Logins"])) for body in get_id_requests(own)] == [(pool_id, [key])]
        assert other.requests == []
    rows = CognitoUser.objects.order_by("user_pool_id").values_list("user_pool_id", "identity_pool_id")
    assert list(rows) == [("eu-west-1_AcmePool1", POOL_ID), ("us-east-1_ZenPool01", ZEN_IDENTITY_POOL)]


def test_user_pool_without_identity_pool_does_not_use_another(
    client: Client, identity_endpoint: TokenIdentityEndpoint, zen: TokenIdentityEndpoint, settings: Any
) -> None:
    pools = {alias: dict(pool_settings) for alias, pool_settings in settings.COGNITO["POOLS"].items()}
    del pools["zen"]["IDENTITY_POOL_ID"]
    settings.COGNITO = {"POOLS": pools}
    aws = aws_of(client, **both(alias="zen", id_claims={"alias": "zen"}))
    with pytest.raises(ImproperlyConfigured, match="IDENTITY_POOL_ID"):
        _ = aws.credentials
    assert identity_endpoint.requests == zen.requests == []


def test_merged_identity_is_stored(client: Client, identity_endpoint: TokenIdentityEndpoint) -> None:
    send(client, "/identity/", both())
    identity_endpoint.merged[identity("alice")] = "eu-west-1:abc"
    assert send(client, "/identity/", both()).json() == {
        "identity": "eu-west-1:abc",
        "key": access_key_of("eu-west-1:abc"),
    }
    assert stored_identity() == ("eu-west-1:abc", POOL_ID)


def test_stored_identity_that_aws_rejects_is_fetched_again(
    client: Client, identity_endpoint: TokenIdentityEndpoint
) -> None:
    send(client, "/unused/", headers := both())
    CognitoUser.objects.update(identity_pool_id=POOL_ID, identity_id="eu-west-1:0dead")
    assert send(client, "/identity/", headers).json()["identity"] == identity("alice")
    assert identity_endpoint.take_operations() == [GET_CREDENTIALS, GET_ID, GET_CREDENTIALS]
    assert stored_identity() == (identity("alice"), POOL_ID)


def test_only_the_link_of_the_user_is_written(client: Client) -> None:
    send(client, "/unused/", both("bob"))
    send(client, "/identity/", both("alice"))
    assert (stored_identity("alice")[0], stored_identity("bob")[0]) == (identity("alice"), "")


def test_link_deleted_during_the_request_is_no_error(client: Client) -> None:
    aws = aws_of(client, **both())
    CognitoUser.objects.all().delete()
    assert aws.identity_id == identity("alice")


def test_refreshed_session_tokens_get_new_credentials(
    client: Client, identity_endpoint: TokenIdentityEndpoint, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, refresh_token="a-refresh-token")
    send(client, "/identity/")
    identity_endpoint.take_operations()
    new = id_token()
    token_endpoint.script(token_response(id_token=new))
    end_tokens()
    assert send(client, "/identity/").json()["identity"] == identity("alice")
    assert identity_endpoint.take_operations() == [GET_CREDENTIALS]
    assert identity_endpoint.tokens[-1] == new


# Clients, resources and sessions


def test_clients_are_cached_between_requests(client: Client) -> None:
    headers = both()
    first, second = aws_of(client, **headers), aws_of(client, **headers)
    assert first.client("s3") is second.client("s3")
    assert first.session is not second.session
    assert first.resource("s3") is not second.resource("s3")
    assert first.session.region_name == "eu-west-1"


def test_client_and_resource_sign_for_the_user(client: Client) -> None:
    aws = aws_of(client, **both())
    key = access_key_of(identity("alice"))
    assert aws.credentials.access_key_id == aws.session.get_credentials().access_key == key
    for signing in (aws.client("s3"), aws.resource("s3").meta.client):
        assert signing._request_signer._credentials.get_frozen_credentials().access_key == key


def test_client_accepts_options_of_boto3(client: Client) -> None:
    aws = aws_of(client, **both())
    assert aws.client("s3", region_name="us-east-1").meta.region_name == "us-east-1"
    assert aws.resource("s3", region_name="us-east-1").meta.client.meta.region_name == "us-east-1"
    s3 = async_to_sync(aws.aclient)("s3", region_name="us-east-1")
    assert s3 is aws.client("s3", region_name="us-east-1")


# Async versions


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[threading.Thread]]]:
    """Yield the threads of the calls to AWS ("aws") and of the queries ("database")."""
    callers: dict[str, set[threading.Thread]] = {"aws": set(), "database": set()}
    call = IdentityPool._call

    def record_call(pool: IdentityPool, *args: Any, **kwargs: Any) -> Any:
        callers["aws"].add(threading.current_thread())
        return call(pool, *args, **kwargs)

    def record_query(execute: Any, *args: Any) -> Any:
        callers["database"].add(threading.current_thread())
        return execute(*args)

    monkeypatch.setattr(IdentityPool, "_call", record_call)
    with connection.execute_wrapper(record_query):
        yield callers


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize("url", ["/identity/async/", "/identity/client/async/"])
def test_async_aws_calls_and_queries_use_separate_threads(
    async_client: Any, threads: dict[str, set[threading.Thread]], by: str, url: str
) -> None:
    sign_in(async_client)
    response = send(async_client, url, both() if by == "bearer" else {})
    assert (response.status_code, response.json()["identity"]) == (200, identity("alice"))
    assert threads["database"] == {threading.main_thread()}
    assert threads["aws"]
    assert not threads["aws"] & threads["database"]


def test_event_loop_runs_during_a_request_to_aws(
    async_client: AsyncClient, identity_endpoint: TokenIdentityEndpoint
) -> None:
    gate = Gate()

    async def run() -> Any:
        identity_endpoint.before = gate
        response = asyncio.create_task(async_client.get("/identity/async/", headers=both()))
        while not gate.requested.is_set():
            await asyncio.sleep(0.001)
        gate.wait_for_request()
        return await response

    assert async_to_sync(run)().json()["identity"] == identity("alice")


def test_session_is_refreshed_outside_the_thread_of_the_database(
    async_client: Any, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(async_client, refresh_token="a-refresh-token")
    end_tokens()
    token_endpoint.script(token_response())
    refresh_threads: list[threading.Thread] = []
    refresh = HostedUi.refresh

    def record_refresh(ui: HostedUi, raw: str, **options: Any) -> Any:
        refresh_threads.append(threading.current_thread())
        return refresh(ui, raw, **options)

    monkeypatch.setattr(HostedUi, "refresh", record_refresh)
    assert send(async_client, "/identity/async/").status_code == 200
    assert len(refresh_threads) == 1
    assert refresh_threads[0] is not threading.main_thread()


# Rejected and unavailable


@each_api_entry_point
def test_rejection_by_aws_is_403(
    client: Client, identity_endpoint: TokenIdentityEndpoint, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    identity_endpoint.response = json_answer(
        {"__type": "NotAuthorizedException", "message": "Token is not from a supported"}, 400
    )
    response = send(client, url, both())
    assert (response.status_code, response.json()["code"]) == (403, "credentials_refused")
    assert "NotAuthorized" not in response.content.decode()
    assert "NotAuthorizedException" in caplog.text
    assert "LOGINS_KEY" in caplog.text  # the next step for the operator


@each_api_entry_point
def test_unavailable_aws_is_503(client: Client, identity_endpoint: TokenIdentityEndpoint, url: str) -> None:
    identity_endpoint.response = Answer(500)
    response = send(client, url, both())
    assert (response.status_code, response.json()["code"]) == (503, "cognito_unavailable")
    assert int(response["Retry-After"]) > 0


def test_view_can_catch_credentials_and_unavailable_errors(
    client: Client, identity_endpoint: TokenIdentityEndpoint
) -> None:
    identity_endpoint.response = json_answer({"__type": "ResourceNotFoundException"}, 400)
    with pytest.raises(CredentialsError) as raised:
        _ = aws_of(client, **both()).credentials
    assert raised.value.aws_code == "ResourceNotFoundException"
    identity_endpoint.response = json_answer({"__type": "TooManyRequestsException"}, 400)
    assert code_of(CognitoUnavailableError, lambda: aws_of(client, **both()).credentials) == "cognito_unavailable"


def test_rejection_does_not_change_the_stored_identity(
    client: Client, identity_endpoint: TokenIdentityEndpoint
) -> None:
    send(client, "/identity/", both())
    identity_endpoint.response = json_answer({"__type": "NotAuthorizedException"}, 400)
    assert send(client, "/identity/", both()).status_code == 403
    assert stored_identity() == (identity("alice"), POOL_ID)


@pytest.mark.usefixtures("cognito_down")
@each_entry_point
def test_session_with_expired_tokens_in_an_outage_is_503(client: Client, url: str) -> None:
    sign_in(client, refresh_token="a-refresh-token")
    end_tokens()
    response = send(client, url)
    assert (response.status_code, response.json()["code"]) == (503, "cognito_unavailable")
    assert CognitoLogin.objects.exists()


@pytest.mark.parametrize("identity_pool", ["", None])
def test_missing_identity_pool_raises_improperly_configured(
    client: Client, settings: Any, identity_pool: str | None
) -> None:
    others = {key: value for key, value in settings.COGNITO.items() if key != "IDENTITY_POOL_ID"}
    settings.COGNITO = others if identity_pool is None else {**others, "IDENTITY_POOL_ID": identity_pool}
    with pytest.raises(ImproperlyConfigured, match="IDENTITY_POOL_ID"):
        send(client, "/identity/", both())


# Secrets


@pytest.fixture
def secrets(identity_endpoint: TokenIdentityEndpoint) -> Callable[[], list[str]]:
    """Return a function that lists the secrets: token signatures and the keys of AWS. At least one of each kind."""

    def list_secrets(*raws: str) -> list[str]:
        signatures = [raw.rpartition(".")[2] for raw in chain(raws, identity_endpoint.tokens)]
        assert signatures
        return [*signatures, *identity_endpoint.keys]

    return list_secrets


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_repr_and_log_contain_no_secret(
    client: Client, secrets: Any, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)  # boto3's log of its own calls is not tested
    sign_in(client)
    aws = aws_of(client, **(both() if by == "bearer" else {}))
    values = [aws.identity_id, aws.credentials, aws.client("s3"), aws.resource("s3"), aws.session]
    output = f"{aws!r} {aws} {values!r} {vars(aws)!r} {caplog.text}"
    assert identity("alice") in output
    assert len(secrets()) >= 3
    assert [secret for secret in secrets() if secret in output] == []


@pytest.mark.parametrize("used", [False, True])
def test_request_aws_cannot_be_pickled(client: Client, used: bool) -> None:
    aws = aws_of(client, **both())
    if used:
        _ = aws.credentials
    for copy_function in (pickle.dumps, deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            copy_function(aws)


def test_pickled_user_contains_no_secret(client: Client, secrets: Any) -> None:
    request = client.get("/identity/", headers=both()).wsgi_request
    pickled = pickle.dumps(request.user)
    assert [secret for secret in secrets() if secret.encode() in pickled] == []


FAILURES: dict[str, tuple[type[Exception], Any]] = {
    "rejected": (CredentialsError, json_answer({"__type": "NotAuthorizedException"}, 400)),
    "unavailable": (CognitoUnavailableError, Answer(500)),
    "unexpected response": (CognitoUnavailableError, json_answer({"IdentityId": "x"})),
    "row cannot be read": (RuntimeError, "get_identity_id"),
    "row cannot be written": (RuntimeError, "save_identity_id"),
    "no identity pool": (ImproperlyConfigured, None),
}


USES: dict[str, Callable[[Any], Any]] = {
    "credentials": lambda aws: aws.credentials,
    "client": lambda aws: aws.client("s3"),
    "async credentials": lambda aws: async_to_sync(aws.acredentials)(),
}


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize(
    ("failure", "use"),
    [*((failure, "credentials") for failure in FAILURES), ("rejected", "client"), ("rejected", "async credentials")],
)
def test_debug_page_contains_no_secret(
    client: Client,
    settings: Any,
    identity_endpoint: TokenIdentityEndpoint,
    monkeypatch: pytest.MonkeyPatch,
    by: str,
    failure: str,
    use: str,
) -> None:
    settings.DEBUG = True
    sign_in(client)
    headers = both() if by == "bearer" else {}
    kind, cause = FAILURES[failure]
    if cause is None:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": ""}
    elif isinstance(cause, str):
        monkeypatch.setattr(f"django_cognito.aws.request_aws.{cause}", _fail)
    else:
        identity_endpoint.response = cause
    request: Any = client.get("/unused/", headers=headers).wsgi_request
    with pytest.raises(kind) as raised:
        USES[use](request.cognito.aws)
    page = report_of(raised.value, request)
    raws = _tokens_of(request, headers)
    assert "django_cognito/aws/request_aws.py" in page
    assert len(raws) == 2
    assert [secret for secret in (*raws, *identity_endpoint.keys) if secret in page] == []


def test_debug_page_of_a_missing_id_token_contains_no_secret(client: Client, settings: Any) -> None:
    settings.DEBUG = True
    headers = bearer(raw := make_token())
    request: Any = client.get("/unused/", headers=headers).wsgi_request
    with pytest.raises(CredentialsError) as raised:
        _ = request.cognito.aws.credentials
    assert raw.rpartition(".")[2] not in report_of(raised.value, request)


def _fail(*_: Any) -> Any:
    raise RuntimeError("the database failed")


def _tokens_of(request: Any, headers: dict[str, str]) -> list[str]:
    """Return the signatures of the tokens of a request."""
    raws = [*headers.values()] or [request.cognito.raw, request.cognito._id_token()]
    return [raw.rpartition(".")[2] for raw in raws]
