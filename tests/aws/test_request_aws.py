"""`request.cognito.aws`, whoever the request is: nobody's but their own, asked late, kept, and never shown."""

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

from django_cognito.aws.client_cache import clear_cache
from django_cognito.core.errors import CognitoError, CognitoUnavailableError, CredentialsError
from django_cognito.core.hosted_ui import HostedUi
from django_cognito.core.identity_pool import IdentityPool
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users.authentication import authenticate
from tests.support.callers import bearer, end_tokens
from tests.support.error_reports import report_of
from tests.support.login_scenario import Gate, token_answer
from tests.support.scripted_server import Answer, ScriptedServer, json_answer

from .token_identity_endpoint import (
    GET_CREDENTIALS,
    GET_ID,
    OTHER_POOL_ID,
    POOL_ID,
    PeopleEndpoint,
    access_key_of,
    identity_of,
)

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.aws.request_aws_views")]

DOORS = pytest.mark.parametrize("url", ["/mine/", "/mine/async/", "/mine/client/async/", "/mine/template/"])
API_DOORS = pytest.mark.parametrize("url", ["/mine/", "/mine/async/", "/mine/api/", "/mine/api/guarded/"])
OURS = "django_cognito.middleware.CognitoMiddleware"


@pytest.fixture(autouse=True)
def people(settings: Any, cognito_keys: None) -> Iterator[PeopleEndpoint]:
    """The identity pool of the site."""
    with PeopleEndpoint() as endpoint:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
        yield endpoint
        clear_cache()


def id_token(username: str = "alice", **claims: Any) -> str:
    return make_token(token_use="id", username=username, **claims)


def both(username: str = "alice", id_claims: Any = None, **claims: Any) -> dict[str, str]:
    """The headers of an API request with both tokens of a sign-in."""
    second = id_token(username, **(id_claims or {}))
    return {**bearer(make_token(username=username, **claims)), "x-cognito-id-token": second}


def identity(username: str) -> str:
    return identity_of(id_token(username))


def aws_of(client: Client, **headers: str) -> Any:
    """`request.cognito.aws` of a request that nobody has used it on."""
    request: Any = client.get("/untouched/", headers=headers).wsgi_request
    return request.cognito.aws


def code_of(error: type[CognitoError], call: Callable[[], Any]) -> str:
    with pytest.raises(error) as refused:
        call()
    return refused.value.code


def ask(client: Client | AsyncClient, url: str, headers: dict[str, str] | None = None) -> Any:
    get: Any = async_to_sync(client.get) if isinstance(client, AsyncClient) else client.get
    return get(url, headers=headers or {})


def row(username: str = "alice") -> tuple[str, str]:
    """What the link row has: the identity, and the identity pool that it is of."""
    link = CognitoUser.objects.get(username=username)
    return link.identity_id, link.identity_pool_id


# Who


@DOORS
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_a_session_has_the_credentials_of_its_person(make: Callable[[], Any], url: str) -> None:
    client = make()
    sign_in(client)
    assert identity("alice") in ask(client, url).content.decode()
    assert row() == (identity("alice"), POOL_ID)


@API_DOORS
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_an_api_request_with_its_id_token_has_the_credentials_of_its_person(make: Callable[[], Any], url: str) -> None:
    said = ask(make(), url, both()).json()
    assert (said["identity"], said["key"]) == (identity("alice"), access_key_of(identity("alice")))
    assert row() == (identity("alice"), POOL_ID)


@API_DOORS
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_an_api_request_without_its_id_token_is_told_to_send_it(
    make: Callable[[], Any], url: str, people: PeopleEndpoint
) -> None:
    answer = ask(make(), url, bearer(make_token()))
    assert (answer.status_code, answer.json()["code"]) == (403, "id_token_required")
    assert "X-Cognito-Id-Token" in answer.json()["detail"]
    assert answer["Cache-Control"] == "no-store"
    assert people.asked == []


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "and again in the header"])
def test_where_requests_carry_id_tokens_their_own_one_serves(
    client: Client, settings: Any, people: PeopleEndpoint, beside: bool
) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": "id"}
    raw = id_token(at_hash="AAAAAAAAAAAAAAAAAAAAAA")  # of the access token that it came with
    headers = {**bearer(raw), **({"x-cognito-id-token": raw} if beside else {})}
    assert ask(client, "/mine/", headers).json()["identity"] == identity("alice")
    assert set(people.tokens) == {raw}


@API_DOORS
def test_a_machine_has_none(client: Client, people: PeopleEndpoint, url: str) -> None:
    answer = ask(client, url, bearer(make_token(username=None)))
    assert (answer.status_code, answer.json()["code"]) == (403, "person_required")
    assert people.asked == []


@DOORS
@pytest.mark.parametrize("make", [Client, AsyncClient])
@pytest.mark.parametrize("who", ["a visitor", "a local password"])
def test_who_did_not_come_through_cognito_has_none(
    make: Callable[[], Any], people: PeopleEndpoint, django_user_model: Any, who: str, url: str
) -> None:
    client = make()
    if who == "a local password":
        client.force_login(django_user_model.objects.create_user("local"), "django.contrib.auth.backends.ModelBackend")
    answer = ask(client, url)
    assert (answer.status_code, answer.json()["code"]) == (403, "not_signed_in")
    assert people.asked == []


def test_drf_without_the_middleware_knows_them_too(client: Client, settings: Any) -> None:
    settings.MIDDLEWARE = []
    assert ask(client, "/mine/api/", both()).json()["identity"] == identity("alice")


def test_a_bearer_requests_credentials_are_never_the_sessions(client: Client, people: PeopleEndpoint) -> None:
    sign_in(client, "carol")
    assert ask(client, "/mine/", both("alice")).json()["identity"] == identity("alice")
    assert ask(client, "/mine/", bearer(make_token())).json()["code"] == "id_token_required"
    assert ask(client, "/mine/").json()["identity"] == identity("carol")


def test_the_id_token_header_says_nothing_for_a_session(client: Client, people: PeopleEndpoint) -> None:
    sign_in(client, "carol")
    for header in (id_token("bob"), "no token"):
        assert ask(client, "/mine/", {"x-cognito-id-token": header}).json()["identity"] == identity("carol")


def test_a_token_that_a_site_brings_late_silences_the_session(client: Client, settings: Any) -> None:
    late = "tests.aws.request_aws_views.token_in_a_cookie"
    at = settings.MIDDLEWARE.index(OURS) + 1
    settings.MIDDLEWARE = [*settings.MIDDLEWARE[:at], late, *settings.MIDDLEWARE[at:]]
    sign_in(client, "carol")
    client.cookies["token"], client.cookies["id_token"] = make_token(username="bob"), id_token("bob")
    assert ask(client, "/mine/api/").json()["identity"] == identity("bob")
    assert row("bob") == (identity("bob"), POOL_ID)
    assert row("carol") == ("", "")


def test_whoever_a_request_turns_out_to_be_has_no_others_credentials(client: Client) -> None:
    sign_in(client, "carol")
    request: Any = client.get("/untouched/").wsgi_request
    aws = request.cognito.aws
    assert aws.identity_id == identity("carol")
    raw, brought = make_token(username="bob"), id_token("bob")
    request.cognito.set_bearer(*authenticate(raw, id_token=brought), raw, brought)
    assert aws.identity_id == identity("bob")
    assert (row("carol")[0], row("bob")[0]) == (identity("carol"), identity("bob"))


@pytest.mark.defends("RP-22")
@pytest.mark.django_db(transaction=True)
def test_two_people_at_once_never_meet(client: Client) -> None:
    names = ["alice", "bob"]
    headers = {name: both(name) for name in names}
    for name in names:  # their rows: this is not about first requests
        ask(client, "/untouched/", headers[name])
    together = threading.Barrier(len(names))

    def call(name: str) -> set[str]:
        together.wait(20)
        return {found for _ in range(20) for found in (aws_of(Client(), **headers[name]).identity_id,)}

    _in_threads(call, names, {name: {identity(name)} for name in names})


def _in_threads(call: Callable[[str], Any], names: list[str], expected: dict[str, Any]) -> None:
    def closing(name: str) -> Any:
        try:
            return call(name)
        finally:
            connection.close()

    with ThreadPoolExecutor(len(names)) as pool:
        assert dict(zip(names, pool.map(closing, names), strict=True)) == expected


# When, and how often


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_nothing_is_asked_before_it_is_needed(
    client: Client, people: PeopleEndpoint, django_assert_num_queries: Any, by: str
) -> None:
    sign_in(client)
    headers = both() if by == "bearer" else {}
    ask(client, "/untouched/", headers)
    with django_assert_num_queries(1 if by == "bearer" else 0):  # the bearer's person
        assert ask(client, "/untouched/", headers).content.endswith(b"<Aws>")
    assert people.asked == []


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_the_row_costs_two_queries_once_and_aws_two_requests(
    client: Client, people: PeopleEndpoint, django_assert_num_queries: Any, by: str
) -> None:
    sign_in(client)
    headers, usual = (both(), 1) if by == "bearer" else ({}, 3)
    ask(client, "/untouched/", headers)
    with django_assert_num_queries(usual + 2):  # the identity, and its keeping
        ask(client, "/mine/", headers)
    assert people.asked == [GET_ID, GET_CREDENTIALS]
    with django_assert_num_queries(usual):
        ask(client, "/mine/", headers)
    assert people.asked == []


def test_a_new_id_token_gets_new_credentials_for_the_identity_that_is_kept(
    client: Client, people: PeopleEndpoint, django_assert_num_queries: Any
) -> None:
    ask(client, "/mine/", both())
    people.asked.clear()
    headers = both()
    aws = aws_of(client, **headers)
    with django_assert_num_queries(1):
        assert aws.identity_id == identity("alice")
    assert people.asked == [GET_CREDENTIALS]
    assert people.tokens[-1] == headers["x-cognito-id-token"]


def test_another_identity_pool_has_other_identities(client: Client, settings: Any, people: PeopleEndpoint) -> None:
    ask(client, "/mine/", headers := both())
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": OTHER_POOL_ID}
    people.asked.clear()
    people.moved[identity("alice")] = "eu-west-1:abc"
    assert ask(client, "/mine/", headers).json()["identity"] == "eu-west-1:abc"
    assert people.asked == [GET_ID, GET_CREDENTIALS]
    assert row() == ("eu-west-1:abc", OTHER_POOL_ID)


ZEN_IDENTITY_POOL = "us-east-1:88888888-7c3e-4b1f-8f5e-2d9a3e4c5b6a"


@pytest.fixture
def zen(settings: Any, people: PeopleEndpoint) -> Iterator[PeopleEndpoint]:
    """The identity pool of the second of two user pools; `people` is the first one's."""
    with PeopleEndpoint() as endpoint:
        acme = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme"}
        acme |= {"IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": people.url}
        other = {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"}
        other |= {"IDENTITY_POOL_ID": ZEN_IDENTITY_POOL, "ENDPOINT_URL": endpoint.url, "LOGINS_KEY": "login.zen"}
        settings.COGNITO = {"POOLS": {"acme": acme, "zen": other}}
        yield endpoint


def said_to(endpoint: PeopleEndpoint) -> list[dict[str, Any]]:
    """What an identity pool was asked for an identity with."""
    bodies = [json.loads(request.body) for request in endpoint.requests]
    return [body for body in bodies if "IdentityPoolId" in body]


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize("make", [Client, AsyncClient])
def test_who_is_of_several_pools_is_somebody_at_the_identity_pool_of_the_token_s_own(
    make: Callable[[], Any], people: PeopleEndpoint, zen: PeopleEndpoint, by: str
) -> None:
    client, url = make(), "/mine/async/" if make is AsyncClient else "/mine/"
    expected = {
        "acme": (people, zen, POOL_ID, "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_AcmePool1"),
        "zen": (zen, people, ZEN_IDENTITY_POOL, "login.zen"),
    }
    for alias, (own, other, pool_id, key) in expected.items():
        own.requests.clear()
        other.requests.clear()
        headers = both(alias=alias, id_claims={"alias": alias})
        if by == "session":
            sign_in(client, alias=alias)
            headers = {}
        assert ask(client, url, headers).json()["identity"] == identity("alice")
        assert [(body["IdentityPoolId"], list(body["Logins"])) for body in said_to(own)] == [(pool_id, [key])]
        assert other.requests == []
    rows = CognitoUser.objects.order_by("user_pool_id").values_list("user_pool_id", "identity_pool_id")
    assert list(rows) == [("eu-west-1_AcmePool1", POOL_ID), ("us-east-1_ZenPool01", ZEN_IDENTITY_POOL)]


def test_a_pool_without_an_identity_pool_has_none_of_the_others(
    client: Client, people: PeopleEndpoint, zen: PeopleEndpoint, settings: Any
) -> None:
    pools = {alias: dict(given) for alias, given in settings.COGNITO["POOLS"].items()}
    del pools["zen"]["IDENTITY_POOL_ID"]
    settings.COGNITO = {"POOLS": pools}
    aws = aws_of(client, **both(alias="zen", id_claims={"alias": "zen"}))
    with pytest.raises(ImproperlyConfigured, match="IDENTITY_POOL_ID"):
        _ = aws.credentials
    assert people.requests == zen.requests == []


def test_the_identity_that_aws_merged_into_is_kept(client: Client, people: PeopleEndpoint) -> None:
    ask(client, "/mine/", both())
    people.moved[identity("alice")] = "eu-west-1:abc"
    assert ask(client, "/mine/", both()).json() == {"identity": "eu-west-1:abc", "key": access_key_of("eu-west-1:abc")}
    assert row() == ("eu-west-1:abc", POOL_ID)


def test_an_identity_that_is_gone_is_asked_for_anew(client: Client, people: PeopleEndpoint) -> None:
    ask(client, "/untouched/", headers := both())
    CognitoUser.objects.update(identity_pool_id=POOL_ID, identity_id="eu-west-1:0dead")
    assert ask(client, "/mine/", headers).json()["identity"] == identity("alice")
    assert people.asked == [GET_CREDENTIALS, GET_ID, GET_CREDENTIALS]
    assert row() == (identity("alice"), POOL_ID)


def test_only_the_persons_own_row_is_written(client: Client) -> None:
    ask(client, "/untouched/", both("bob"))
    ask(client, "/mine/", both("alice"))
    assert (row("alice")[0], row("bob")[0]) == (identity("alice"), "")


def test_somebody_who_was_deleted_meanwhile_is_no_error(client: Client) -> None:
    aws = aws_of(client, **both())
    CognitoUser.objects.all().delete()
    assert aws.identity_id == identity("alice")


def test_renewed_session_tokens_get_new_credentials(
    client: Client, people: PeopleEndpoint, token_endpoint: ScriptedServer
) -> None:
    sign_in(client, refresh_token="a-refresh-token")
    ask(client, "/mine/")
    people.asked.clear()
    new = id_token()
    token_endpoint.script(token_answer(id_token=new))
    end_tokens()
    assert ask(client, "/mine/").json()["identity"] == identity("alice")
    assert people.asked == [GET_CREDENTIALS]
    assert people.tokens[-1] == new


# What is given


def test_clients_are_kept_from_request_to_request_and_resources_and_sessions_are_not(client: Client) -> None:
    headers = both()
    first, second = aws_of(client, **headers), aws_of(client, **headers)
    assert first.client("s3") is second.client("s3")
    assert first.session is not second.session
    assert first.resource("s3") is not second.resource("s3")
    assert first.session.region_name == "eu-west-1"


def test_all_sign_as_the_person(client: Client) -> None:
    aws = aws_of(client, **both())
    key = access_key_of(identity("alice"))
    assert aws.credentials.access_key_id == aws.session.get_credentials().access_key == key
    for signing in (aws.client("s3"), aws.resource("s3").meta.client):
        assert signing._request_signer._credentials.get_frozen_credentials().access_key == key


def test_clients_take_botos_options(client: Client) -> None:
    aws = aws_of(client, **both())
    assert aws.client("s3", region_name="us-east-1").meta.region_name == "us-east-1"
    assert aws.resource("s3", region_name="us-east-1").meta.client.meta.region_name == "us-east-1"
    asked = async_to_sync(aws.aclient)("s3", region_name="us-east-1")
    assert asked is aws.client("s3", region_name="us-east-1")


# The async twins


@pytest.fixture
def threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, set[threading.Thread]]]:
    """In which threads AWS ("aws") and the database ("database") are asked."""
    found: dict[str, set[threading.Thread]] = {"aws": set(), "database": set()}
    call = IdentityPool._call

    def calling(pool: IdentityPool, *args: Any, **kwargs: Any) -> Any:
        found["aws"].add(threading.current_thread())
        return call(pool, *args, **kwargs)

    def executing(execute: Any, *args: Any) -> Any:
        found["database"].add(threading.current_thread())
        return execute(*args)

    monkeypatch.setattr(IdentityPool, "_call", calling)
    with connection.execute_wrapper(executing):
        yield found


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize("url", ["/mine/async/", "/mine/client/async/"])
def test_aws_is_asked_off_the_event_loop_and_the_database_where_the_orm_lives(
    async_client: Any, threads: dict[str, set[threading.Thread]], by: str, url: str
) -> None:
    sign_in(async_client)
    answer = ask(async_client, url, both() if by == "bearer" else {})
    assert (answer.status_code, answer.json()["identity"]) == (200, identity("alice"))
    assert threads["database"] == {threading.main_thread()}
    assert threads["aws"]
    assert not threads["aws"] & threads["database"]


def test_event_loop_runs_while_aws_is_asked(async_client: AsyncClient, people: PeopleEndpoint) -> None:
    gate = Gate()

    async def run() -> Any:
        people.before = gate
        response = asyncio.create_task(async_client.get("/mine/async/", headers=both()))
        while not gate.asked.is_set():
            await asyncio.sleep(0.001)
        gate.wait_until_asked()
        return await response

    assert async_to_sync(run)().json()["identity"] == identity("alice")


def test_a_session_that_nobody_looked_at_is_renewed_off_the_databases_thread(
    async_client: Any, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_in(async_client, refresh_token="a-refresh-token")
    end_tokens()
    token_endpoint.script(token_answer())
    found: list[threading.Thread] = []
    refresh = HostedUi.refresh

    def refreshing(ui: HostedUi, raw: str) -> Any:
        found.append(threading.current_thread())
        return refresh(ui, raw)

    monkeypatch.setattr(HostedUi, "refresh", refreshing)
    assert ask(async_client, "/mine/async/").status_code == 200
    assert len(found) == 1
    assert found[0] is not threading.main_thread()


# Refused is not unavailable


@API_DOORS
def test_what_aws_refuses_is_403(
    client: Client, people: PeopleEndpoint, caplog: pytest.LogCaptureFixture, url: str
) -> None:
    people.instead = json_answer({"__type": "NotAuthorizedException", "message": "Token is not from a supported"}, 400)
    answer = ask(client, url, both())
    assert (answer.status_code, answer.json()["code"]) == (403, "credentials_refused")
    assert "NotAuthorized" not in answer.content.decode()
    assert "NotAuthorizedException" in caplog.text
    assert "LOGINS_KEY" in caplog.text  # the next step is for whoever runs the site


@API_DOORS
def test_an_aws_that_cannot_be_asked_is_503(client: Client, people: PeopleEndpoint, url: str) -> None:
    people.instead = Answer(500)
    answer = ask(client, url, both())
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert int(answer["Retry-After"]) > 0


def test_the_views_own_code_is_told_which_it_was(client: Client, people: PeopleEndpoint) -> None:
    people.instead = json_answer({"__type": "ResourceNotFoundException"}, 400)
    with pytest.raises(CredentialsError) as refused:
        _ = aws_of(client, **both()).credentials
    assert refused.value.aws_code == "ResourceNotFoundException"
    people.instead = json_answer({"__type": "TooManyRequestsException"}, 400)
    assert code_of(CognitoUnavailableError, lambda: aws_of(client, **both()).credentials) == "cognito_unavailable"


def test_a_refusal_leaves_the_row_as_it_was(client: Client, people: PeopleEndpoint) -> None:
    ask(client, "/mine/", both())
    people.instead = json_answer({"__type": "NotAuthorizedException"}, 400)
    assert ask(client, "/mine/", both()).status_code == 403
    assert row() == (identity("alice"), POOL_ID)


@pytest.mark.usefixtures("cognito_down")
@DOORS
def test_a_session_whose_tokens_are_over_while_cognito_is_down_is_503(client: Client, url: str) -> None:
    sign_in(client, refresh_token="a-refresh-token")
    end_tokens()
    answer = ask(client, url)
    assert (answer.status_code, answer.json()["code"]) == (503, "cognito_unavailable")
    assert CognitoLogin.objects.exists()


@pytest.mark.parametrize("identity_pool", ["", None])
def test_without_an_identity_pool_whoever_runs_the_site_is_told(
    client: Client, settings: Any, identity_pool: str | None
) -> None:
    kept = {key: value for key, value in settings.COGNITO.items() if key != "IDENTITY_POOL_ID"}
    settings.COGNITO = kept if identity_pool is None else {**kept, "IDENTITY_POOL_ID": identity_pool}
    with pytest.raises(ImproperlyConfigured, match="IDENTITY_POOL_ID"):
        ask(client, "/mine/", both())


# Nothing secret is shown


@pytest.fixture
def secrets(people: PeopleEndpoint) -> Callable[[], list[str]]:
    """All that must not be seen: tokens, and the keys that AWS gave. At least one of each kind."""

    def found(*raws: str) -> list[str]:
        signatures = [raw.rpartition(".")[2] for raw in chain(raws, people.tokens)]
        assert signatures
        return [*signatures, *people.keys]

    return found


@pytest.mark.parametrize("by", ["session", "bearer"])
def test_neither_a_repr_nor_a_log_shows_a_secret(
    client: Client, secrets: Any, caplog: pytest.LogCaptureFixture, by: str
) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("botocore").setLevel(logging.INFO)  # what boto3 logs of its own calls is boto3's
    sign_in(client)
    aws = aws_of(client, **(both() if by == "bearer" else {}))
    given = [aws.identity_id, aws.credentials, aws.client("s3"), aws.resource("s3"), aws.session]
    told = f"{aws!r} {aws} {given!r} {vars(aws)!r} {caplog.text}"
    assert identity("alice") in told
    assert len(secrets()) >= 3
    assert [secret for secret in secrets() if secret in told] == []


@pytest.mark.parametrize("used", [False, True])
def test_it_is_not_pickled(client: Client, used: bool) -> None:
    aws = aws_of(client, **both())
    if used:
        _ = aws.credentials
    for impossible in (pickle.dumps, deepcopy):
        with pytest.raises(TypeError, match="cannot be pickled"):
            impossible(aws)


def test_a_user_is_pickled_without_it(client: Client, secrets: Any) -> None:
    request = client.get("/mine/", headers=both()).wsgi_request
    pickled = pickle.dumps(request.user)
    assert [secret for secret in secrets() if secret.encode() in pickled] == []


FAILURES: dict[str, tuple[type[Exception], Any]] = {
    "refused": (CredentialsError, json_answer({"__type": "NotAuthorizedException"}, 400)),
    "unavailable": (CognitoUnavailableError, Answer(500)),
    "no answer of ours": (CognitoUnavailableError, json_answer({"IdentityId": "x"})),
    "reading the row": (RuntimeError, "get_identity_id"),
    "keeping the row": (RuntimeError, "save_identity_id"),
    "no identity pool": (ImproperlyConfigured, None),
}


@pytest.mark.parametrize("by", ["session", "bearer"])
@pytest.mark.parametrize("what", FAILURES)
@pytest.mark.parametrize(
    "use", [lambda aws: aws.credentials, lambda aws: aws.client("s3"), lambda aws: async_to_sync(aws.acredentials)()]
)
def test_no_debug_page_shows_a_secret(
    client: Client, settings: Any, people: PeopleEndpoint, monkeypatch: pytest.MonkeyPatch, by: str, what: str, use: Any
) -> None:
    settings.DEBUG = True
    sign_in(client)
    headers = both() if by == "bearer" else {}
    kind, how = FAILURES[what]
    if how is None:
        settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": ""}
    elif isinstance(how, str):
        monkeypatch.setattr(f"django_cognito.aws.request_aws.{how}", _on_fire)
    else:
        people.instead = how
    request: Any = client.get("/untouched/", headers=headers).wsgi_request
    with pytest.raises(kind) as failed:
        use(request.cognito.aws)
    page = report_of(failed.value, request)
    raws = _tokens_of(request, headers)
    assert "django_cognito/aws/request_aws.py" in page
    assert len(raws) == 2
    assert [secret for secret in (*raws, *people.keys) if secret in page] == []


def test_the_debug_page_of_an_id_token_that_is_missing_shows_no_other(client: Client, settings: Any) -> None:
    settings.DEBUG = True
    headers = bearer(raw := make_token())
    request: Any = client.get("/untouched/", headers=headers).wsgi_request
    with pytest.raises(CredentialsError) as failed:
        _ = request.cognito.aws.credentials
    assert raw.rpartition(".")[2] not in report_of(failed.value, request)


def _on_fire(*_: Any) -> Any:
    raise RuntimeError("the database is on fire")


def _tokens_of(request: Any, headers: dict[str, str]) -> list[str]:
    """The signatures of the tokens behind a request."""
    raws = [*headers.values()] or [request.cognito.raw, request.cognito._id_token()]
    return [raw.rpartition(".")[2] for raw in raws]
