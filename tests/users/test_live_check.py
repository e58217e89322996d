"""The live check: Cognito's answers, what is cached and recorded, and requests that share one answer."""

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.core.exceptions import ImproperlyConfigured
from local_cognito_support.scripted_server import Answer, ScriptedServer, Silence, json_answer

from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import live_check
from django_cognito.users.authentication import authenticate, verify
from django_cognito.users.live_check import ACCEPTED, LiveCheck, acheck_user, check_user, require_live_check
from django_cognito.users.revocation import check_token
from tests.faults.bad_caches import Garbage
from tests.support.cases import cases
from tests.support.clock import Clock
from tests.support.forking import in_a_child
from tests.support.real_parts import REDIS_URL
from tests.support.scenarios.login import Gate
from tests.support.stub_directory import FaultError, StubDirectory

pytestmark = [pytest.mark.usefixtures("cognito_keys")]

REQUESTS = 100
NO_ANSWER = ("cognito_unavailable", 5)
EACH_DRIVER = pytest.mark.parametrize("check", [check_user, async_to_sync(acheck_user)], ids=["sync", "async"])
_numbers = itertools.count()  # the cache is not emptied between tests: each has users of its own


def new_token(number: int | None = None, **claims: Any) -> str:
    """Return an access token of the user with this number of StubDirectory, by default of a new one."""
    number = next(_numbers) if number is None else number
    return make_token(username=f"user{number}", sub=sub_of(number), scope="aws.cognito.signin.user.admin", **claims)


def sub_of(number: int) -> str:
    return f"{number:08x}-0000-4000-8000-000000000000"


def of_token(raw: str, **requirement: Any) -> LiveCheck:
    """Return the check of a token, by default by GetUser."""
    token: Any = verify(raw)[0]
    required = require_live_check(**requirement)
    return LiveCheck(required, token, token.origin_jti, raw if required.by == "get_user" else "")


def user_answer(sub: str, **options: Any) -> Answer:
    answer = json_answer({"Username": "a", "UserAttributes": [{"Name": "sub", "Value": sub}]})
    return Answer(answer.status, answer.body, answer.headers, **options)


def aws_error(name: str, message: str = "") -> Answer:
    return json_answer({"__type": name, "message": message}, 400)


@pytest.fixture
def api(cognito: Callable[..., None]) -> Iterator[ScriptedServer]:
    """Yield a scripted user-pool API."""
    with ScriptedServer() as server:
        cognito(ENDPOINT_URL=server.url)
        yield server


@pytest.fixture
def directory(cognito: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> Iterator[StubDirectory]:
    """Yield a user pool with 1,000 users."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "for-the-tests-alone")
    with StubDirectory(1_000) as stub:
        cognito(ENDPOINT_URL=stub.url)
        yield stub


class TrueCache(Garbage):
    """Every name has a value that equals 1."""

    value = True


@pytest.fixture(autouse=True)
def _no_slow_requests() -> None:
    """Leave the limit as it is: `clock` measures the requests."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that measures the requests: on a slow computer, none of them causes a pause by chance."""
    clock = Clock()
    monkeypatch.setattr(live_check, "_pauses", {})  # not those of another test
    monkeypatch.setattr(live_check, "time", SimpleNamespace(monotonic=clock))
    return clock


# Requirements


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"by": "userinfo"}, ValueError),
        ({"seconds": 0}, ValueError),
        ({"seconds": 301}, ValueError),
        ({"seconds": 5.0}, TypeError),
        ({"seconds": True}, TypeError),
        ({"groups": ["editors"]}, ValueError),
        ({"groups": []}, ValueError),
        ({"by": "directory", "groups": []}, TypeError),
        ({"by": "directory", "groups": "editors"}, TypeError),
        ({"by": "directory", "groups": [""]}, TypeError),
    ],
)
def test_requirement_that_cannot_work_is_an_error(arguments: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        require_live_check(**arguments)


def test_requirement_accepts_one_to_300_seconds() -> None:
    assert [require_live_check(seconds=seconds).seconds for seconds in (1, 300)] == [1, 300]
    assert require_live_check() == require_live_check("get_user", 10, None)


# Answers of GetUser

REVOKED = ("token_revoked", 0)
DISABLED = ("user_disabled_in_cognito", 0)
GONE = ("user_not_found_in_cognito", 0)
ANSWERS: dict[str, tuple[Any, tuple[str, int], str, tuple[bool, bool]]] = {
    # The answer, the verdict, the code of the token afterwards, and the columns `enabled` and `gone_at`.
    "revoked": (
        aws_error("NotAuthorizedException", "Access Token has been revoked"),
        REVOKED,
        REVOKED[0],
        (True, False),
    ),
    "reset": (aws_error("PasswordResetRequiredException"), REVOKED, REVOKED[0], (True, False)),
    "disabled": (aws_error("NotAuthorizedException", "User is disabled."), DISABLED, DISABLED[0], (False, False)),
    "deleted": (aws_error("UserNotFoundException", "User does not exist."), GONE, DISABLED[0], (True, True)),
    "another user": (user_answer("another"), NO_ANSWER, "", (True, False)),
    "no user": (json_answer({}), NO_ANSWER, "", (True, False)),
    "throttled": (aws_error("TooManyRequestsException"), ("too_many_requests", 5), "", (True, False)),
    "limit of the user": (aws_error("LimitExceededException"), ("too_many_requests", 5), "", (True, False)),
    "fault": (Answer(500, b"<html>"), NO_ANSWER, "", (True, False)),
    "portal": (Answer(200, b"<html>"), NO_ANSWER, "", (True, False)),
    "redirect": (Answer(302, headers={"location": "http://127.0.0.1:9/"}), NO_ANSWER, "", (True, False)),
    "expired": (aws_error("NotAuthorizedException", "Access Token has expired"), NO_ANSWER, "", (True, False)),
    "firewall": (aws_error("ForbiddenException"), NO_ANSWER, "", (True, False)),
    "unknown": (aws_error("AnExceptionOfNextYear"), NO_ANSWER, "", (True, False)),
}


def code_of(raw: str) -> str:
    """Return the error code with which every entry point rejects the token; empty if it is accepted."""
    try:
        check_token(verify(raw)[0])
    except TokenError as error:
        return error.code
    return ""


@pytest.mark.django_db
@EACH_DRIVER
def test_each_answer_but_acceptance_is_refused(api: ScriptedServer, check: Any) -> None:
    with cases() as case:
        for name, (answer, verdict, code, columns) in ANSWERS.items():
            with case(name):
                raw = new_token(origin_jti=f"sign-in {name} {check}")
                row = CognitoUser.objects.get(user=authenticate(raw)[0])
                api.script(answer)
                before = api.count
                assert check(of_token(raw)) == verdict
                assert code_of(raw) == code
                row.refresh_from_db()
                assert (row.enabled, row.gone_at is not None) == columns
                assert check(of_token(raw)) == verdict
                assert api.count == before + 2  # not cached


@EACH_DRIVER
def test_accepted_user_is_cached_for_the_seconds(
    api: ScriptedServer, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(time.time())
    monkeypatch.setattr("time.time", clock)
    raw = new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number)))
    assert [check(of_token(raw, seconds=5)) for _ in range(3)] == [ACCEPTED] * 3
    assert api.count == 1
    assert "authorization" not in api.requests[0].headers
    api.script(aws_error("TooManyRequestsException"))
    assert check(of_token(raw, seconds=5)) == ACCEPTED  # throttled, and there is a fresh answer
    clock.forward(5.1)
    assert check(of_token(raw, seconds=5)) == ("too_many_requests", 5)


@pytest.mark.usefixtures("stopped_clock")
def test_answer_is_not_that_of_another_token_or_age(api: ScriptedServer) -> None:
    number = next(_numbers)
    first, second = new_token(number, origin_jti="one"), new_token(number, origin_jti="two")
    api.script(user_answer(sub_of(number)))
    assert check_user(of_token(first)) == ACCEPTED
    api.script(aws_error("NotAuthorizedException", "Access Token has been revoked"))
    assert check_user(of_token(second)) == REVOKED  # the other sign-in was revoked
    assert check_user(of_token(first, seconds=5)) == REVOKED  # 10 seconds are too old for this view
    assert check_user(of_token(first)) == ACCEPTED


def test_revoked_token_without_a_sign_in_rejects_no_other(api: ScriptedServer) -> None:
    raw, other = new_token(origin_jti=None), new_token(origin_jti=None)
    api.script(aws_error("NotAuthorizedException", "Access Token has been revoked"))
    assert check_user(of_token(raw)) == REVOKED
    assert (code_of(raw), code_of(other)) == ("token_revoked", "")


def test_user_of_a_removed_pool_is_not_looked_up(api: ScriptedServer, cognito: Any) -> None:
    check, by_directory = of_token(raw := new_token()), of_token(raw, by="directory")
    cognito(USER_POOL_ID="eu-west-1_Another12")
    assert [check_user(check), check_user(by_directory)] == [NO_ANSWER] * 2
    assert api.count == 0


@EACH_DRIVER
def test_cognito_that_does_not_respond_is_no_acceptance(api: ScriptedServer, cognito: Any, check: Any) -> None:
    cognito(HTTP_TIMEOUT_SECONDS=0.1)
    api.script(Silence())
    assert check(of_token(new_token())) == NO_ANSWER


def test_slow_cognito_gets_no_request_for_a_while(api: ScriptedServer, clock: Clock) -> None:
    api.script(Answer(500, before=lambda: clock.forward(1.5)))
    check = of_token(new_token(number := next(_numbers)))
    assert check_user(of_token(new_token())) == NO_ANSWER
    assert check_user(check) == ("cognito_unavailable", 2)  # of another user, at once
    assert api.count == 1
    clock.forward(1.25)
    assert check_user(check) == ("cognito_unavailable", 1)
    clock.forward(0.25)  # the pause is as long as the request was
    api.script(user_answer(sub_of(number)))
    assert check_user(check) == ACCEPTED


def test_fast_failure_of_cognito_causes_no_pause(api: ScriptedServer, clock: Clock) -> None:
    api.script(Answer(500, before=lambda: clock.forward(0.9)))
    assert [check_user(of_token(new_token())) for _ in range(2)] == [NO_ANSWER] * 2
    assert api.count == 2


def test_no_token_is_in_the_log_or_the_repr(api: ScriptedServer, caplog: Any) -> None:
    raw = new_token()
    api.script(aws_error("NotAuthorizedException", f"unknown words about {raw}"))
    check = of_token(raw)
    assert check_user(check) == NO_ANSWER
    assert raw not in repr(check) + caplog.text + check.cache_name
    assert "A live check has no answer" in caplog.text


# Answers of the directory


def deny(operation: str) -> Callable[..., None]:
    def before(name: str, parameters: Any) -> None:
        if name == operation:
            raise FaultError("AccessDeniedException")

    return before


def throttle(name: str, parameters: Any) -> None:
    raise FaultError("TooManyRequestsException")


@pytest.mark.django_db
def test_directory_reports_status_and_groups(directory: StubDirectory, caplog: Any) -> None:
    numbers = {name: next(_numbers) for name in ("enabled", "disabled", "deleted", "renamed", "member", "former")}
    directory.changes = {
        numbers["disabled"]: {"enabled": False},
        numbers["renamed"]: {"sub": "of another user with the same username"},
    }
    directory.deleted = {numbers["deleted"]}
    directory.groups = {"editors": [numbers["member"], numbers["disabled"]], "guests": [numbers["former"]]}
    editors = {"groups": ["admins", "editors"]}
    expected: list[tuple[str, dict[str, Any], tuple[str, int]]] = [
        ("enabled", {}, ("", 0)),
        ("disabled", {}, DISABLED),
        ("deleted", {}, GONE),
        ("renamed", {}, GONE),
        ("member", editors, ("", 0)),
        ("former", {}, ("", 0)),
        ("former", editors, ("group_required", 0)),
        ("enabled", editors, ("group_required", 0)),
        ("disabled", editors, DISABLED),
    ]
    with cases() as case:
        for name, requirement, verdict in expected:
            with case(f"{name} {requirement}"):
                raw = new_token(numbers[name])
                assert check_user(of_token(raw, by="directory", **requirement)) == verdict
    assert directory.requests == {"AdminGetUser": 9, "AdminListGroupsForUser": 3}
    with cases() as case:
        check = of_token(new_token(), by="directory", groups=["editors"])
        for operation in ("AdminGetUser", "AdminListGroupsForUser"):
            with case(operation):
                directory.before = deny(operation)
                assert check_user(check) == ("directory_refused", 60)
                assert "AccessDeniedException" in caplog.text
        with case("throttled"):
            directory.before = throttle
            assert check_user(check) == ("too_many_requests", 5)


@pytest.mark.usefixtures("stopped_clock")
def test_directory_answer_is_that_of_the_user(directory: StubDirectory, cognito: Any) -> None:
    number = next(_numbers)
    editors = {"by": "directory", "groups": ["editors"]}
    directory.groups = {"editors": [number]}
    for jti in ("one", "two"):
        assert check_user(of_token(new_token(number, origin_jti=jti), by="directory")) == ACCEPTED
    assert directory.requests == {"AdminGetUser": 1}  # for both tokens
    assert check_user(of_token(new_token(number), **editors)) == ACCEPTED
    directory.groups = {"editors": [], "admins": []}
    assert check_user(of_token(new_token(number), **editors)) == ACCEPTED  # for some seconds
    other = {"by": "directory", "groups": ["admins"]}
    assert check_user(of_token(new_token(number), **other)) == ("group_required", 0)
    cognito(GROUPS_CLAIM="custom:groups")
    directory.changes = {number: {"custom:groups": '["admins"]'}}
    directory.requests.clear()
    assert check_user(of_token(new_token(number), **other)) == ("group_required", 0)  # cached too
    assert check_user(of_token(new_token(number), **other, seconds=5)) == ACCEPTED  # by the attribute
    assert directory.requests == {"AdminGetUser": 1}


# Requests at the same time


@pytest.mark.parametrize("is_accepted", [True, False])
def test_threads_share_one_answer(api: ScriptedServer, is_accepted: bool) -> None:
    gate, raw = Gate(), new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number), before=gate) if is_accepted else Answer(500, before=gate))
    check = of_token(raw)
    with ThreadPoolExecutor(REQUESTS) as threads:
        answers = [threads.submit(check_user, check) for _ in range(REQUESTS)]
        gate.wait_for_request(lambda: wait_until(lambda: count_waiting(check) == REQUESTS - 1))
        assert {answer.result() for answer in answers} == {ACCEPTED if is_accepted else NO_ANSWER}
    assert (api.count, len(live_check._pending)) == (1, 0)


def count_waiting(check: LiveCheck) -> int:
    """Return the number of threads that wait for the answer to a check, which a request is sent for."""
    return len(live_check._pending.join(check.cache_name)[0]._condition._waiters)


def wait_until(is_true: Callable[[], bool]) -> None:
    """Wait 13 seconds at most, so less than `_WAIT_SECONDS`; raise AssertionError then."""
    end = time.monotonic() + 13
    while not is_true():
        assert time.monotonic() < end, "the condition does not hold"
        time.sleep(0.005)


def test_coroutines_share_one_answer_and_one_may_be_cancelled(api: ScriptedServer) -> None:
    gate, raw = Gate(), new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number), before=gate))
    check = of_token(raw)

    async def run() -> list[Any]:
        tasks = [asyncio.create_task(acheck_user(check)) for _ in range(REQUESTS)]
        while not gate.requested.is_set():
            await asyncio.sleep(0.005)  # the event loop is free
        for position in (0, 50):  # the first one, which asks, and one that waits
            tasks[position].cancel()
        await asyncio.sleep(0.01)
        gate.opened.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    results = async_to_sync(run)()
    assert [type(results.pop(position)).__name__ for position in (50, 0)] == ["CancelledError"] * 2
    assert set(results) == {ACCEPTED}
    assert (api.count, len(live_check._pending)) == (1, 0)


def test_request_whose_task_does_not_begin_is_ended(api: ScriptedServer) -> None:
    check = of_token(new_token())

    async def run() -> None:
        caller = asyncio.create_task(acheck_user(check))
        while not live_check._pending:
            await asyncio.sleep(0)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:  # as at the end of an event loop
            task.cancel()
        await asyncio.wait([caller])

    async_to_sync(run)()
    assert (api.count, len(live_check._pending)) == (0, 0)


@EACH_DRIVER
def test_request_that_waits_too_long_has_no_answer(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_check, "_WAIT_SECONDS", 0.05)
    one = of_token(new_token())
    answer, _ = live_check._pending.join(one.cache_name)
    assert check(one) == NO_ANSWER
    live_check._pending.end(one.cache_name, answer)


def test_forked_child_waits_for_no_answer_of_its_parent(api: ScriptedServer) -> None:
    check = of_token(new_token(number := next(_numbers)))
    api.script(user_answer(sub_of(number)))
    answer, _ = live_check._pending.join(check.cache_name)
    assert in_a_child(lambda: list(check_user(check))) == ["", 0]
    live_check._pending.end(check.cache_name, answer)


@EACH_DRIVER
def test_error_of_the_site_is_no_acceptance(api: ScriptedServer, check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: object) -> None:
        raise ImproperlyConfigured("the extra is not installed")

    monkeypatch.setattr(live_check, "get_live_directory", fail)
    with pytest.raises(ImproperlyConfigured):
        check(of_token(new_token(), by="directory"))
    assert not live_check._pending


# Caches with faults


class SlowCache(LocMemCache):
    """A cache that calls `before_set` before it stores a value."""

    before_set: Callable[[], Any] = staticmethod(lambda: None)

    def set(self, *arguments: Any, **options: Any) -> None:
        self.before_set()
        super().set(*arguments, **options)


@pytest.fixture
def slow_cache(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[], Any]], None]:
    """Return a function that sets what the cache calls before it stores a value."""
    settings.CACHES = {"default": {"BACKEND": f"{__name__}.SlowCache", "LOCATION": uuid4().hex}}
    return lambda before_set: monkeypatch.setattr(SlowCache, "before_set", staticmethod(before_set))


@EACH_DRIVER
def test_answer_is_not_shared_while_it_is_being_stored(
    api: ScriptedServer, slow_cache: Any, check: Any, request: pytest.FixtureRequest
) -> None:
    is_storing, may_end = Event(), Event()
    request.addfinalizer(may_end.set)
    raw = new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number)))
    slow_cache(lambda: (is_storing.set(), may_end.wait(20)))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(check, of_token(raw, seconds=1))
        assert is_storing.wait(20)
        api.script(aws_error("TooManyRequestsException"))
        assert check_user(of_token(raw, seconds=1)) == ("too_many_requests", 5)
        may_end.set()
        assert first.result(20) == ACCEPTED
    assert (api.count, len(live_check._pending)) == (2, 0)


@EACH_DRIVER
def test_answer_of_a_slow_request_is_not_shared_after_the_seconds(
    api: ScriptedServer, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, one = Gate(), of_token(new_token(number := next(_numbers)), seconds=300)
    monkeypatch.setattr(live_check, "_WAIT_SECONDS", 0.05)
    api.script(user_answer(sub_of(number), before=gate), aws_error("TooManyRequestsException"))
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(check, one)
        assert gate.requested.wait(20)
        assert check_user(one) == NO_ANSWER  # waits for the answer
        live_check._pending.join(one.cache_name)[0].started_at -= 300
        assert check_user(one) == ("too_many_requests", 5)
        gate.opened.set()
        assert first.result(20) == ACCEPTED
    assert not live_check._pending


@EACH_DRIVER
def test_seconds_of_an_answer_count_from_the_request(
    api: ScriptedServer, slow_cache: Any, check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(time.time())
    monkeypatch.setattr("time.time", clock)
    raw = new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number)))
    slow_cache(lambda: clock.forward(8))
    assert check(of_token(raw)) == ACCEPTED
    assert (check(of_token(raw)), api.count) == (ACCEPTED, 1)  # eight seconds old
    clock.forward(3)
    api.script(aws_error("TooManyRequestsException"))
    assert check(of_token(raw)) == ("too_many_requests", 5)


def test_end_of_an_answer_keeps_that_of_a_later_request() -> None:
    answers = [live_check._pending.join("a name")[0]]
    live_check._pending.end("a name", answers[0])
    answers.append(live_check._pending.join("a name")[0])
    live_check._pending.end("a name", answers[0])
    assert live_check._pending.join("a name") == (answers[1], False)
    live_check._pending.end("a name", answers[1])


FAULTY = [*(f"tests.faults.bad_caches.{name}" for name in ("Down", "Garbage", "Bytes")), f"{__name__}.TrueCache"]


@pytest.mark.parametrize("backend", FAULTY)
@EACH_DRIVER
def test_faulty_cache_accepts_no_user(settings: Any, api: ScriptedServer, check: Any, backend: str) -> None:
    settings.CACHES = {"default": {"BACKEND": backend}}
    raw = new_token(number := next(_numbers))
    api.script(Answer(500))
    assert check(of_token(raw)) == NO_ANSWER
    api.script(user_answer(sub_of(number)))
    assert [check(of_token(raw)) for _ in range(2)] == [ACCEPTED] * 2
    assert api.count == 3


@pytest.mark.needs("redis")
@EACH_DRIVER
def test_redis_stores_the_answer_for_all_processes(settings: Any, api: ScriptedServer, check: Any) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": REDIS_URL, "KEY_PREFIX": uuid4().hex}}
    raw = new_token(number := next(_numbers))
    api.script(user_answer(sub_of(number)))
    one = of_token(raw, seconds=300)
    assert [check(one) for _ in range(2)] == [ACCEPTED] * 2
    assert api.count == 1
    assert 0 < caches["default"]._cache.get_client(None).ttl(caches["default"].make_key(one.cache_name)) <= 300
