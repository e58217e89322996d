"""API_PROFILE_SOURCE: attributes of users whose access token has none, by GetUser and by the directory."""

import asyncio
import itertools
import logging
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from contextvars import ContextVar
from datetime import UTC, datetime
from functools import partial
from threading import Event
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.contrib.auth.models import User
from django.db import connection

from django_cognito.conf.claim_scopes import API_SCOPE
from django_cognito.conf.loading import get_settings
from django_cognito.core.auth_api.user_api import UserPoolApi
from django_cognito.core.directory import Directory
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.models import DIGEST_FIELDS, CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import UserAdapter, UserRefusedError, api_profile, authentication
from django_cognito.users.api_profile import NO_ANSWER, ProfilePauses
from django_cognito.users.attributes.claim_sources import ApiProfile
from django_cognito.users.authentication import aauthenticate, authenticate
from django_cognito.users.revocation_list import get_revocation_list
from django_cognito.users.writing import provisioning
from django_cognito.web.responses import error_response_for
from tests.support.clock import Clock
from tests.support.connections import watched
from tests.support.forking import in_a_child
from tests.support.scenarios.login import Gate
from tests.support.scenarios.user_pool import eventually
from tests.support.scenarios.users import NOW
from tests.support.stub_directory import FaultError, StubDirectory
from tests.support.threads import at_once

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
OPERATIONS = {"get_user": "GetUser", "directory": "AdminGetUser"}
EACH_DRIVER = pytest.mark.parametrize("present", [authenticate, async_to_sync(aauthenticate)], ids=["sync", "async"])
EACH_SOURCE = pytest.mark.parametrize("pool", OPERATIONS, indirect=True)
_numbers = itertools.count()  # revocations are of one user: each test has users of its own


class LastName(UserAdapter):
    """Finds the account by another attribute than the email address, and refuses users."""

    errors: list[Exception] = []

    def find_user(self, identity: Any) -> Any:
        return User.objects.filter(last_name=identity.claims.get("given_name", "-")).first()

    def may_create_user(self, identity: Any) -> bool:
        if self.errors:
            raise self.errors.pop()
        if identity.claims.get("given_name") == "Refused":
            raise UserRefusedError("refused", "You are refused.")
        return True


ADAPTER = f"{__name__}.LastName"


class Pool:
    """A user pool over HTTP, whose requests for the attributes of a user are counted in `count`."""

    def __init__(self, stub: StubDirectory, operation: str) -> None:
        self.stub = stub
        self.operation = operation

    @property
    def count(self) -> int:
        assert set(self.stub.requests) <= {self.operation}
        return self.stub.requests[self.operation]

    def fail(self, code: str, message: str = "", status: int = 400, *, username: str = "") -> None:
        """Respond with an error to all requests, or to those by the directory for one user."""

        def before(operation: str, parameters: Any) -> None:
            if not username or parameters.get("Username") == username:
                raise FaultError(code, message, status)

        self.stub.before = before

    def recover(self) -> None:
        self.stub.before = lambda operation, parameters: None


@pytest.fixture
def pool(request: pytest.FixtureRequest, cognito: Callable[..., None], monkeypatch: Any) -> Iterator[Pool]:
    """Yield a user pool of 1,000 users with names and email addresses; API_PROFILE_SOURCE is "get_user" by default."""
    source = getattr(request, "param", "get_user")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-the-tests-alone")
    with StubDirectory(1_000) as stub:
        cognito(ENDPOINT_URL=stub.url, API_PROFILE_SOURCE=source)
        yield Pool(stub, OPERATIONS[source])


@pytest.fixture
def number() -> int:
    return next(_numbers)


@pytest.fixture(autouse=True)
def _endless_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no pause end on a slow computer. `cognito()` ends them: each configuration has pauses of its own."""
    monkeypatch.setattr(api_profile, "ProfilePauses", lambda settings: ProfilePauses(settings, now=Clock()))


def new_token(number: int, at: int = -60, **claims: Any) -> str:
    """Return an access token of a user of the pool."""
    moment = {"iat": NOW + at, "auth_time": NOW + at, "exp": NOW + 3_600}
    sub = f"{number:08x}-0000-4000-8000-000000000000"
    return make_token(**{"username": f"user{number}", "sub": sub, "scope": API_SCOPE, **moment, **claims})


def profile_of(number: int) -> tuple[str, str, str]:
    user = User.objects.get(username=f"user{number}")
    return user.email, user.first_name, user.last_name


def pass_hour(cognito: Callable[..., None]) -> None:
    """Let the stored attributes be an hour older, and end the pauses of this process."""
    for row in CognitoUser.objects.all():
        for name in DIGEST_FIELDS:
            seconds, colon, halves = getattr(row, name).partition(":")
            if colon:
                setattr(row, name, f"{int(seconds) - 3_600}:{halves}")
        row.save()
    cognito()


# When the attributes are requested


@EACH_SOURCE
@EACH_DRIVER
def test_first_access_token_creates_the_user_with_attributes(pool, number, present) -> None:
    user, _ = present(new_token(number))
    assert (user.email, profile_of(number)) == (f"user{number}@example.com", (user.email, f"Name{number}", "Byron"))
    assert CognitoUser.objects.get(user=user).verified_attributes == ["email"]
    assert pool.count == 1


@EACH_DRIVER
def test_attributes_are_requested_once_an_hour(pool, number, present, cognito, django_assert_num_queries) -> None:
    raw = new_token(number)
    present(raw)
    with django_assert_num_queries(1):
        present(raw)
    cognito()  # as in another process, which has no pauses of its own
    with django_assert_num_queries(1):
        present(raw)
    assert pool.count == 1
    pass_hour(cognito)
    pool.stub.changes[number] = {"given_name": "Ada", "family_name": ""}
    present(raw)
    assert (pool.count, profile_of(number)) == (2, (f"user{number}@example.com", "Ada", ""))


def test_unchanged_attributes_cost_one_update(pool, number, cognito, writes) -> None:
    raw = new_token(number)
    authenticate(raw)
    pass_hour(cognito)
    with writes(1):
        authenticate(raw)
    assert pool.count == 2


@pytest.mark.parametrize(
    ("changes", "claims", "id_token"),
    [
        ({}, {"given_name": "Ada"}, None),  # added by a trigger
        ({}, {}, {"given_name": "Ada"}),
        ({"API_PROFILE_SOURCE": None}, {}, None),
        ({"TOKEN_USE": ["access", "id"]}, {"token_use": "id"}, None),
    ],
    ids=["claims", "ID token", "off", "ID token alone"],
)
def test_token_with_attributes_needs_no_request(pool, number, cognito, changes, claims, id_token) -> None:
    cognito(**changes)
    raw_id_token = None if id_token is None else new_token(number, token_use="id", **id_token)
    authenticate(new_token(number, **claims), id_token=raw_id_token)
    assert pool.count == 0


def test_profile_of_a_recent_id_token_needs_no_request(pool, number, cognito) -> None:
    authenticate(new_token(number), id_token=new_token(number, token_use="id", given_name="Ada"))
    cognito()
    authenticate(new_token(number, at=-50))
    assert pool.count == 0


def test_older_id_token_does_not_replace_requested_attributes(pool, number) -> None:
    authenticate(new_token(number))
    authenticate(new_token(number, at=-40), id_token=new_token(number, at=-50, token_use="id", given_name="Old"))
    assert profile_of(number)[1] == f"Name{number}"


def test_machine_to_machine_client_is_not_requested(pool) -> None:
    authenticate(make_token(username=None, scope="orders/read"))
    assert pool.count == 0


def test_user_who_may_not_be_created_is_requested_once(pool, number, cognito) -> None:
    cognito(CREATE_USERS=False)
    for _ in range(3):
        with pytest.raises(TokenError) as caught:
            authenticate(new_token(number))
        assert caught.value.code == "user_unknown"
    assert pool.count == 1


def test_verified_email_of_the_answer_links_the_local_account(pool, number, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", f"user{number}@example.com")
    assert authenticate(new_token(number))[0] == local


class TenantAdapter(UserAdapter):
    claims = ("custom:tenant",)


def read_name(claims: Any) -> Any:
    return claims.get("family_name") or claims.get("username")


WITHOUT_PROFILE = {
    "claim of the adapter": {"USER_ADAPTER": f"{__name__}.TenantAdapter"},
    "claim USERNAME": {"USERNAME": "custom:tenant"},
    "function": {"ATTRIBUTES": {"email": "email", "last_name": read_name}},
    "claim of each access token": {"ATTRIBUTES": {"email": "email", "last_name": "sub"}},
    "path in a claim of each access token": {"ATTRIBUTES": {"email": "email", "last_name": "cognito:groups.0"}},
}
TRIGGER_CLAIMS = {"custom:tenant": "acme", "cognito:groups": ["editors"]}


@EACH_DRIVER
@pytest.mark.parametrize(
    "changes",
    [*WITHOUT_PROFILE.values(), {"ATTRIBUTES": {"email": "email", "last_name": "custom:tenant"}}],
    ids=[*WITHOUT_PROFILE, "claim of a trigger"],
)
def test_token_with_other_claims_links_the_local_account(pool, number, cognito, present, changes) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, **changes)
    local = User.objects.create_user("local", f"user{number}@example.com")
    raw = new_token(number, **TRIGGER_CLAIMS)
    assert [present(raw)[0] for _ in range(2)] == [local, local]
    assert (pool.count, User.objects.count()) == (1, 1)


@pytest.mark.parametrize("changes", WITHOUT_PROFILE.values(), ids=list(WITHOUT_PROFILE))
def test_token_with_other_claims_has_no_attributes(pool, number, cognito, changes) -> None:
    cognito(**changes)
    raw = new_token(number, **TRIGGER_CLAIMS)
    assert authenticate(raw)[0].email == f"user{number}@example.com"
    pass_hour(cognito)
    pool.stub.changes[number] = {"email": "ada@example.com"}
    assert [authenticate(raw)[0].email for _ in range(2)] == ["ada@example.com"] * 2
    assert pool.count == 2


def test_claim_of_a_trigger_stays_when_attributes_are_requested(pool, number, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, ATTRIBUTES={"email": "email", "last_name": "custom:tenant"})
    user, _ = authenticate(new_token(number, **TRIGGER_CLAIMS))
    assert (user.email, user.last_name) == (f"user{number}@example.com", "acme")


@EACH_SOURCE
def test_token_without_the_scope_is_reported_once(pool, caplog) -> None:
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            authenticate(new_token(next(_numbers), scope="openid"))
    messages = [record.getMessage() for record in caplog.records]
    if pool.operation == "GetUser":
        assert pool.count == 0
        assert [API_SCOPE in message and get_settings().client_id in message for message in messages] == [True]
    else:
        assert (pool.count, messages) == (3, [])


# Failures


@EACH_DRIVER
@pytest.mark.parametrize(
    ("code", "status"),
    [("InternalErrorException", 500), ("TooManyRequestsException", 400), ("InvalidParameterException", 400)],
)
def test_failure_does_not_reject_the_token(pool, number, present, cognito, code, status, caplog) -> None:
    pool.fail(code, status=status)
    raw = new_token(number)
    with caplog.at_level(logging.WARNING):
        assert present(raw)[0].email == ""
        assert present(raw)[0].email == ""
    assert "API_PROFILE_SOURCE has no answer" in caplog.text
    assert raw not in caplog.text
    assert pool.count == 1
    pool.recover()
    cognito()  # the pause has ended
    assert present(raw)[0].email == f"user{number}@example.com"


@EACH_SOURCE
def test_unreachable_pool_is_not_requested_for_every_user(pool, cognito, unreachable) -> None:
    cognito(ENDPOINT_URL=unreachable)
    with watched() as connections:
        for _ in range(5):
            authenticate(new_token(next(_numbers)))
        assert connections.to(unreachable) == 1
    assert pool.count == 0
    assert User.objects.filter(email="").count() == 5


@EACH_SOURCE
def test_answer_about_another_user_is_ignored(pool, number, caplog) -> None:
    raw = make_token(username=f"user{number}", sub="another", scope=API_SCOPE)
    if pool.operation == "GetUser":
        assert authenticate(raw)[0].email == ""
        assert "another user" in caplog.text
    else:  # the user was deleted, and another one has the username now
        with pytest.raises(TokenError):
            authenticate(raw)


@pytest.mark.parametrize(
    ("code", "status", "expected"),
    [
        ("InternalErrorException", 500, "cognito_unavailable"),
        ("TooManyRequestsException", 400, "too_many_requests"),
        ("AccessDeniedException", 400, {"GetUser": "cognito_unavailable", "AdminGetUser": "directory_refused"}),
    ],
    ids=["outage", "throttle", "refusal"],
)
@EACH_SOURCE
@EACH_DRIVER
def test_new_user_is_not_created_without_the_answer_that_links(
    pool, number, present, cognito, code, status, expected, writes
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", f"user{number}@example.com")
    pool.fail(code, status=status)
    raw = new_token(number)
    for _ in range(2):
        with writes(0), pytest.raises(CognitoUnavailableError) as caught:
            present(raw)
        assert caught.value.code == (expected[pool.operation] if isinstance(expected, dict) else expected)
        response = error_response_for(caught.value)
        assert (response.status, 1 <= int(response.headers["Retry-After"]) <= 5) == (503, True)
    assert pool.count == 1
    pool.recover()
    cognito()  # the pause has ended
    assert present(raw)[0] == local
    pool.fail(code, status=status)
    pass_hour(cognito)
    assert present(raw)[0] == local


def test_own_find_user_is_not_called_without_an_answer(pool, number, cognito) -> None:
    cognito(USER_ADAPTER=ADAPTER)
    local = User.objects.create_user("local", last_name=f"Name{number}")
    pool.fail("TooManyRequestsException")
    with pytest.raises(CognitoUnavailableError):
        authenticate(new_token(number))
    pool.recover()
    cognito()
    assert authenticate(new_token(number))[0] == local


def test_new_user_whom_no_request_can_link_is_created(pool, number, cognito) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    assert authenticate(new_token(number, scope="openid"))[0].email == ""
    assert pool.count == 0


@pytest.mark.parametrize("pool", ["directory"], indirect=True)
@pytest.mark.parametrize("code", ["TooManyRequestsException", "AccessDeniedException"])
def test_failure_for_one_user_does_not_pause_those_of_others(pool, number, code) -> None:
    pool.fail(code, username=f"user{number}")
    assert authenticate(new_token(number))[0].email == ""
    assert authenticate(new_token(other := next(_numbers)))[0].email == f"user{other}@example.com"
    assert pool.count == 2


@EACH_DRIVER
def test_throttle_of_get_user_does_not_pause_those_of_others(pool, number, present) -> None:
    pool.fail("TooManyRequestsException")
    present(new_token(number))
    pool.recover()
    assert present(new_token(other := next(_numbers)))[0].email == f"user{other}@example.com"


@pytest.mark.parametrize("changes", [{"LINK_BY_VERIFIED_EMAIL": True}, {}], ids=["linking", "no linking"])
@EACH_DRIVER
def test_new_user_who_waits_too_long_has_no_answer(pool, number, cognito, present, monkeypatch, changes) -> None:
    cognito(**changes)
    monkeypatch.setattr(authentication, "_WAIT_SECONDS", 0.02)
    raw = new_token(number)
    token = authentication.verify(raw)[0]
    request, _ = api_profile.join_request(token)
    try:
        with pytest.raises(CognitoUnavailableError) if changes else nullcontext():
            assert present(raw)[0].email == ""
    finally:
        api_profile.end_request(token, request)
    assert User.objects.count() == (0 if changes else 1)
    assert present(raw)[0].email == f"user{number}@example.com"


def test_user_whom_the_site_refuses_is_refused_in_the_pause(pool, number, cognito) -> None:
    cognito(USER_ADAPTER=ADAPTER)
    pool.stub.changes[number] = {"given_name": "Refused"}
    codes = []
    for _ in range(3):
        with pytest.raises(TokenError) as caught:
            authenticate(new_token(number))
        codes.append(caught.value.code)
    assert (codes, pool.count, User.objects.count()) == (["site.refused"] * 3, 1, 0)


def test_parallel_requests_of_a_refused_user_are_refused(pool, number, cognito) -> None:
    cognito(USER_ADAPTER=ADAPTER)
    pool.stub.changes[number] = {"given_name": "Refused"}
    raw = new_token(number)

    async def run() -> list[Any]:
        return await asyncio.gather(*[aauthenticate(raw) for _ in range(8)], return_exceptions=True)

    assert {getattr(error, "code", "") for error in async_to_sync(run)()} == {"site.refused"}
    assert (pool.count, User.objects.count()) == (1, 0)


def test_answer_that_was_not_written_is_used_again(pool, number, cognito) -> None:
    cognito(USER_ADAPTER=ADAPTER)
    LastName.errors.append(RuntimeError("the site has a fault"))
    with pytest.raises(RuntimeError):
        authenticate(new_token(number))
    assert authenticate(new_token(number))[0].email == f"user{number}@example.com"
    assert pool.count == 1


# Users and tokens that Cognito rejects


def let_reject(pool: Pool, number: int, reason: str) -> None:
    """Let Cognito disable or delete a user, or revoke the user's tokens."""
    if reason == "deleted":
        pool.stub.deleted.add(number)
    elif pool.operation == "GetUser":
        pool.fail("NotAuthorizedException", "User is disabled." if reason == "disabled" else "token has been revoked")
    else:
        pool.stub.changes[number] = {"enabled": False}


def code_of(present: Callable[..., Any], raw: str) -> str:
    with pytest.raises(TokenError) as caught:
        present(raw)
    return caught.value.code


@EACH_SOURCE
@EACH_DRIVER
@pytest.mark.parametrize("reason", ["disabled", "deleted"])
def test_new_user_whom_cognito_rejects_is_not_created(pool, number, present, cognito, reason, writes) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", f"user{number}@example.com", "a password")
    let_reject(pool, number, reason)
    with writes(0):
        assert [code_of(present, new_token(number, at)) for at in (-60, -50)] == ["user_disabled_in_cognito"] * 2
        get_revocation_list().clear_entries()
        cognito()  # as in another process
        assert code_of(present, new_token(number)) == "user_disabled_in_cognito"
    local.refresh_from_db()
    assert (pool.count, local.has_usable_password(), CognitoUser.objects.count()) == (1, True, 0)


@EACH_SOURCE
@EACH_DRIVER
@pytest.mark.parametrize("reason", ["disabled", "deleted"])
def test_user_whom_cognito_rejects_is_not_updated(pool, number, present, cognito, reason) -> None:
    present(new_token(number))
    pass_hour(cognito)
    pool.stub.changes[number] = {"given_name": "Ada"}
    let_reject(pool, number, reason)
    pool.stub.changes[number]["given_name"] = "Ada"
    assert [code_of(present, new_token(number, at)) for at in (-60, -50)] == ["user_disabled_in_cognito"] * 2
    row = CognitoUser.objects.get(username=f"user{number}")
    assert (row.enabled, row.gone_at is None) == ((False, True) if reason == "disabled" else (True, False))
    assert (profile_of(number)[1], pool.count) == (f"Name{number}", 2)


@pytest.mark.parametrize("backend", ["dummy.DummyCache", "locmem.LocMemCache"])
def test_rejection_of_a_new_user_outlasts_the_cache(pool, number, settings, backend, monkeypatch) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}"}}
    clock = Clock()
    monkeypatch.setattr(get_revocation_list(), "_now", clock)
    let_reject(pool, number, "disabled")
    raw = new_token(number)
    for _ in range(3):
        assert code_of(authenticate, raw) in ("user_disabled_in_cognito", "token_revoked")
        clock.forward(10)
    assert pool.count == 1


def test_user_who_is_enabled_again_is_created_after_a_sign_in(pool, number, monkeypatch) -> None:
    moment = datetime.fromtimestamp(NOW - 300, UTC)  # not relative to now: the tests may take minutes
    monkeypatch.setattr("django_cognito.users.account_status.utc_now", lambda: moment)
    let_reject(pool, number, "disabled")
    assert code_of(authenticate, new_token(number, at=-600)) == "user_disabled_in_cognito"
    pool.recover()
    assert code_of(authenticate, new_token(number, at=-600)) == "user_disabled_in_cognito"
    assert authenticate(new_token(number))[0].email == f"user{number}@example.com"


@EACH_DRIVER
@pytest.mark.parametrize("origin_jti", ["a sign-in", None], ids=["sign-in", "no sign-in"])
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "known"])
def test_token_that_cognito_revoked_is_rejected(pool, number, present, cognito, origin_jti, is_new, writes) -> None:
    sign_in = origin_jti and f"{origin_jti} {number}"
    raw, other = new_token(number, origin_jti=sign_in), new_token(number, origin_jti=origin_jti and f"other {number}")
    if not is_new:
        present(other)
        pass_hour(cognito)
    let_reject(pool, number, "revoked")
    with writes(0):
        assert [code_of(present, raw) for _ in range(2)] == ["token_revoked"] * 2
        assert pool.count == (1 if is_new else 2)
        get_revocation_list().clear_entries()
        pool.recover()
        assert code_of(present, raw) == "token_revoked"
    assert present(other)[0].email == f"user{number}@example.com"


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
@EACH_DRIVER
@pytest.mark.parametrize("links", [True, False], ids=["linking", "no linking"])
def test_revoked_token_is_no_answer_for_another_token(pool, number, present, cognito, links) -> None:
    """The others wait for the request of the first, whose token was revoked, and then request with their own."""
    cognito(LINK_BY_VERIFIED_EMAIL=links)
    local = User.objects.create_user("local", f"user{number}@example.com") if links else None
    revoked = new_token(number, origin_jti=f"revoked {number}")
    valid = new_token(number, origin_jti=f"valid {number}")
    gate = Gate()

    def before(operation: str, parameters: Any) -> None:
        gate()
        if parameters["AccessToken"] == revoked:
            raise FaultError("NotAuthorizedException", "token has been revoked")

    pool.stub.before = before
    results = call_behind_gate(gate, present, [revoked, valid, revoked, valid])
    assert [getattr(result, "code", "") for result in results] == ["token_revoked", "", "token_revoked", ""]
    users = [results[index][0] for index in (1, 3)]
    assert {user.email for user in users} == {f"user{number}@example.com"}
    assert local is None or users == [local, local]
    assert (pool.count, User.objects.count()) == (2, 1)


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
@EACH_DRIVER
def test_new_user_with_revoked_tokens_alone_is_not_created(pool, number, present) -> None:
    gate = Gate()

    def before(operation: str, parameters: Any) -> None:
        gate()
        raise FaultError("NotAuthorizedException", "token has been revoked")

    pool.stub.before = before
    tokens = [new_token(number, origin_jti=f"revoked {index} {number}") for index in range(3)]
    results = call_behind_gate(gate, present, tokens)
    assert [getattr(result, "code", "") for result in results] == ["token_revoked"] * 3
    assert (pool.count, User.objects.count()) == (3, 0)


def call_behind_gate(gate: Gate, present: Callable[..., Any], tokens: list[str]) -> list[Any]:
    """Return the results or errors of parallel calls: the first one requests the attributes, the others wait for it."""

    def call(index: int) -> Any:
        if index:
            assert gate.requested.wait(60)
        try:
            return present(tokens[index])
        except TokenError as error:
            return error

    def open_gate() -> None:
        gate.wait_for_request(lambda: eventually(lambda: count_waiting() == len(tokens) - 1))

    return at_once([*(partial(call, index) for index in range(len(tokens))), open_gate])[:-1]


def count_waiting() -> int:
    """Return the number of callers that wait for the answer to a request, threads and tasks."""
    answers: list[Any] = [*api_profile.pending_requests._answers.values()]
    return sum(len(answer._condition._waiters) + len(answer._done_callbacks) for answer in answers)


# At once


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_parallel_first_requests_make_one_request(pool, number) -> None:
    raw = new_token(number)
    users = at_once([partial(authenticate, raw)] * 8)
    assert {user.email for user, _ in users} == {f"user{number}@example.com"}
    assert (pool.count, User.objects.count()) == (1, 1)


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
@EACH_DRIVER
@pytest.mark.parametrize("has_ended", [False, True], ids=["not written", "ended"])
def test_request_that_ends_meanwhile_is_not_missed(pool, number, cognito, present, monkeypatch, has_ended) -> None:
    """The second caller reads that there is no user, and the first one gets the answer before the second goes on."""
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", f"user{number}@example.com")
    answered, passed, ended, raw = Event(), Event(), Event(), new_token(number)
    is_second: ContextVar[bool] = ContextVar("is_second", default=False)
    fetch_link, request_profile = provisioning._fetch_link, authentication.request_profile
    join_request = authentication.join_request

    def fetch_link_and_wait(identity: Any) -> Any:
        link = fetch_link(identity)
        assert not is_second.get() or answered.wait(60)
        return link

    def request_and_wait(*args: Any, **keywords: Any) -> Any:
        answer = request_profile(*args, **keywords)
        answered.set()
        assert passed.wait(60)
        return answer

    def wait_and_join(token: Any) -> Any:
        if is_second.get() and has_ended:
            passed.set()
            assert ended.wait(60)
        joined = join_request(token)
        if is_second.get():
            passed.set()
        return joined

    def call(is_the_second: bool) -> Any:
        is_second.set(is_the_second)
        try:
            return present(raw)
        finally:
            (passed if is_the_second else ended).set()

    monkeypatch.setattr(provisioning, "_fetch_link", fetch_link_and_wait)
    monkeypatch.setattr(authentication, "request_profile", request_and_wait)
    monkeypatch.setattr(authentication, "join_request", wait_and_join)
    users = at_once([partial(call, False), partial(call, True)])
    assert [user for user, _ in users] == [local, local]
    assert (pool.count, User.objects.count()) == (1, 1)


def test_new_user_joins_a_request_in_a_pause_of_the_pool(pool, number, monkeypatch) -> None:
    raw = new_token(number)
    pauses = api_profile._get_pauses(get_settings())
    gate = Gate()
    pool.stub.before = lambda operation, parameters: gate()

    async def run() -> list[Any]:
        tasks = [asyncio.ensure_future(aauthenticate(raw))]
        while not gate.requested.is_set():
            await asyncio.sleep(0.001)
        pauses.begin("another", NO_ANSWER, is_new=True, is_outage=True)
        tasks.append(asyncio.ensure_future(aauthenticate(raw)))
        await asyncio.sleep(0.02)
        gate.opened.set()
        return await asyncio.gather(*tasks)

    assert {user.email for user, _ in async_to_sync(run)()} == {f"user{number}@example.com"}


def test_request_whose_task_does_not_begin_is_ended(pool, number) -> None:
    async def run() -> None:
        caller = asyncio.ensure_future(aauthenticate(new_token(number)))
        while not api_profile.pending_requests:
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as at the end of an event loop
            task.cancel()
        await asyncio.wait([caller])
        await asyncio.sleep(0)

    async_to_sync(run)()
    assert not api_profile.pending_requests


@EACH_DRIVER
def test_known_user_does_not_wait_for_the_request_of_another(pool, number, cognito, present) -> None:
    raw = new_token(number)
    authenticate(raw)
    pass_hour(cognito)
    token = authenticate(raw)[1]
    pass_hour(cognito)
    request, is_own = api_profile.join_request(token)
    try:
        assert is_own
        assert present(raw)[0].email == f"user{number}@example.com"
    finally:
        api_profile.end_request(token, request)


def test_event_loop_is_free_during_the_request(pool, number) -> None:
    gate = Gate()
    pool.stub.before = lambda operation, parameters: gate()
    raw = new_token(number)

    async def run() -> list[Any]:
        tasks = [asyncio.ensure_future(aauthenticate(raw)) for _ in range(20)]
        while not gate.requested.is_set():
            await asyncio.sleep(0.001)
        await asyncio.wait_for(sync_to_async(User.objects.count)(), 10)  # nor is the thread of the ORM occupied
        gate.opened.set()
        return await asyncio.gather(*tasks)

    users = async_to_sync(run)()
    assert {user.email for user, _ in users} == {f"user{number}@example.com"}
    assert (pool.count, gate.timed_out) == (1, False)


def test_cancelled_caller_does_not_lose_the_attributes(pool, number) -> None:
    gate = Gate()
    pool.stub.before = lambda operation, parameters: gate()
    raw = new_token(number)

    async def run() -> Any:
        first = asyncio.ensure_future(aauthenticate(raw))
        while not gate.requested.is_set():
            await asyncio.sleep(0.001)
        second = asyncio.ensure_future(aauthenticate(raw))
        await asyncio.sleep(0.02)
        first.cancel()
        gate.opened.set()
        await asyncio.wait([first])  # its request is finished first
        return await second

    assert async_to_sync(run)()[0].email == f"user{number}@example.com"
    assert pool.count == 1


@EACH_SOURCE
@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_request_is_made_outside_of_transactions(pool, number, cognito, monkeypatch) -> None:
    states: list[bool] = []

    def record(method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            states.append(connection.in_atomic_block)
            return method(*args)

        return call

    monkeypatch.setattr(UserPoolApi, "get_user", record(UserPoolApi.get_user))
    monkeypatch.setattr(Directory, "user", record(Directory.user))
    for _ in range(2):
        authenticate(new_token(number))
        pass_hour(cognito)
    assert states == [False, False]


def test_forked_child_does_not_wait_for_a_request_of_its_parent(pool, number) -> None:
    token = authenticate(new_token(number))[1]
    request, _ = api_profile.join_request(token)
    try:
        assert in_a_child(lambda: api_profile.join_request(token)[1])
    finally:
        api_profile.end_request(token, request)


# Pauses


def test_pauses_end_after_their_time(cognito) -> None:
    cognito(API_PROFILE_SECONDS=600)
    clock = Clock()
    pauses = ProfilePauses(get_settings(), now=clock)
    assert over(pauses, "a", is_new=False) == "a"
    pauses.begin("a", ANSWER, is_new=False)
    pauses.begin("b", NO_ANSWER, is_new=False)
    assert over(pauses, "abc", is_new=False) == "c"
    clock.forward(60)
    assert over(pauses, "abc", is_new=False) == "bc"
    pauses.begin("c", NO_ANSWER, is_new=False, is_outage=True)
    assert over(pauses, "b", is_new=False) == ""
    clock.forward(5)
    assert over(pauses, "abc", is_new=False) == "b"
    clock.forward(535)
    assert over(pauses, "a", is_new=False) == "a"


def test_pauses_of_new_users_are_shorter_and_have_the_answer(cognito) -> None:
    clock = Clock()
    pauses = ProfilePauses(get_settings(), now=clock)
    throttled = ApiProfile(failure="too_many_requests")
    pauses.begin("a", ANSWER, is_new=True)
    pauses.begin("b", throttled, is_new=True)
    pauses.begin("c", ANSWER, is_new=False)  # the link was removed since
    assert [pauses.find_answer(sub, is_new=True) for sub in "abc"] == [ANSWER, throttled, None]
    assert [pauses.find_answer(sub, is_new=False) for sub in "ab"] == [NO_ANSWER] * 2
    clock.forward(1.5)
    assert [pauses.count_seconds(sub) for sub in "bd"] == [4, 1]
    clock.forward(3.5)
    assert over(pauses, "ab", is_new=True) == "b"
    pauses.begin("d", NO_ANSWER, is_new=True, is_outage=True)
    assert [pauses.find_answer(sub, is_new=True) for sub in "abc"] == [ANSWER, NO_ANSWER, NO_ANSWER]
    assert pauses.count_seconds("b") == 5
    clock.forward(55)
    assert over(pauses, "abcd", is_new=True) == "abcd"


def over(pauses: ProfilePauses, subs: str, *, is_new: bool) -> str:
    """Return those of `subs` whose attributes may be requested now."""
    return "".join(sub for sub in subs if pauses.find_answer(sub, is_new=is_new) is None)


ANSWER = ApiProfile(claims={"email": "a@example.com"})


def test_pauses_are_bounded(monkeypatch) -> None:
    monkeypatch.setattr(api_profile, "_MAX_USERS", 3)
    monkeypatch.setattr(api_profile, "_MAX_ANSWERS", 2)
    pauses = ProfilePauses(get_settings(), now=Clock())
    for sub in "abcd":
        pauses.begin(sub, ANSWER, is_new=True)
    assert over(pauses, "abcd", is_new=False) == "abc"
    assert over(pauses, "abcd", is_new=True) == "ab"


def test_warning_about_the_scope_has_a_limited_rate() -> None:
    clock = Clock()
    pauses = ProfilePauses(get_settings(), now=clock)
    assert [pauses.is_warning_due(client) for client in ("web", "web", "app")] == [True, False, True]
    clock.forward(3_600)
    assert pauses.is_warning_due("web")
