"""Revoked sign-ins and users: rejected by every process of the site, bearer and cached tokens included.

Two `RevocationList` objects with one cache stand for two processes.
"""

import gc
import logging
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.core.cache import caches
from django.core.cache.backends.locmem import LocMemCache
from django.db import InterfaceError, OperationalError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from django_cognito.conf.loading import get_settings
from django_cognito.core import AccessToken
from django_cognito.core.errors import CognitoUnavailableError, RevokedTokenError, TokenError
from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.users import revocation, revocation_list
from django_cognito.users.authentication import aauthenticate, authenticate
from django_cognito.users.revocation_list import RevocationList, Subject, to_milliseconds
from tests.support.clock import Clock
from tests.support.scenarios.users import NOW, link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]

SECONDS = 5
SIGN_IN = Subject("sign-in", "eu-west-1_TestPool1", "a sign-in")
USER = Subject("user", "eu-west-1_TestPool1", "alice")
DISABLED = Subject("disabled", "eu-west-1_TestPool1", "alice")
Authenticate = Any


@pytest.fixture(params=["sync", "async"])
def present(request: pytest.FixtureRequest) -> Authenticate:
    """Return `authenticate`, or its async version."""
    return authenticate if request.param == "sync" else async_to_sync(aauthenticate)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def own_list(clock: Clock) -> RevocationList:
    return RevocationList(get_settings(), now=clock)


@pytest.fixture
def other_list(clock: Clock) -> RevocationList:
    """Return the list of another process."""
    return RevocationList(get_settings(), now=clock)


@pytest.fixture
def cache_calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the reads of the cache."""
    calls: list[str] = []
    get_many = LocMemCache.get_many

    def call(self: Any, *args: Any) -> Any:
        calls.append("get_many")
        return get_many(self, *args)

    monkeypatch.setattr(LocMemCache, "get_many", call)
    return calls


def revoke_sign_in(raw: str) -> None:
    """Revoke the sign-in of a token, in this process and in the cache."""
    claims = read_unverified(raw)
    revocation.get_revocation_list().add({Subject("sign-in", "eu-west-1_TestPool1", claims["origin_jti"]): NOW * 1_000})


def sign_out_everywhere(raw: str, at: float = 0) -> None:
    """Set `not_before` of the link row of a token."""
    moment = datetime.fromtimestamp(NOW + at, UTC)
    CognitoUser.objects.filter(sub=read_unverified(raw)["sub"]).update(not_before=moment)


def code_of(call: Any) -> str:
    """Return the error code of `call`; empty if it raises none."""
    try:
        call()
    except (TokenError, CognitoUnavailableError) as error:
        return error.code
    return ""


# One list and its cache


def test_unrevoked_subject_has_no_moment(own_list: RevocationList) -> None:
    assert own_list.read([SIGN_IN, USER, DISABLED]) == [0, 0, 0]


def test_revoked_subject_is_revoked_at_once_in_this_process(own_list: RevocationList) -> None:
    own_list.read([SIGN_IN])
    assert own_list.add({SIGN_IN: 7})
    assert own_list.read([SIGN_IN]) == [7]


def test_another_process_rejects_after_revocation_seconds(
    own_list: RevocationList, other_list: RevocationList, clock: Clock
) -> None:
    other_list.read([SIGN_IN])
    own_list.add({SIGN_IN: 7})
    clock.forward(SECONDS - 0.1)
    assert other_list.read([SIGN_IN]) == [0]
    clock.forward(0.1)
    assert other_list.read([SIGN_IN]) == [7]


def test_subjects_are_read_once_in_revocation_seconds(
    own_list: RevocationList, clock: Clock, cache_calls: list[str]
) -> None:
    for _ in range(10):
        own_list.read([SIGN_IN, USER, DISABLED])
    assert cache_calls == ["get_many"]
    clock.forward(SECONDS)
    own_list.read([SIGN_IN, USER, DISABLED])
    assert cache_calls == ["get_many"] * 2


def test_clock_that_was_set_back_reads_again(own_list: RevocationList, clock: Clock, cache_calls: list[str]) -> None:
    own_list.read([SIGN_IN])
    clock.forward(-1)
    own_list.read([SIGN_IN])
    assert cache_calls == ["get_many"] * 2


def test_not_before_never_becomes_earlier(own_list: RevocationList, clock: Clock) -> None:
    own_list.add({USER: 7})
    own_list.add({USER: 5})
    clock.forward(SECONDS)
    assert own_list.read([USER]) == [7]


def test_evicted_entry_stays_revoked_in_a_process_that_has_read_it(own_list: RevocationList, clock: Clock) -> None:
    own_list.add({SIGN_IN: 7})
    caches["default"].clear()
    clock.forward(SECONDS)
    assert own_list.read([SIGN_IN]) == [7]


def test_enabled_user_is_read_as_enabled_by_another_process(
    own_list: RevocationList, other_list: RevocationList, clock: Clock
) -> None:
    own_list.add({DISABLED: 7})
    assert other_list.read([DISABLED]) == [7]
    own_list.remove(DISABLED)
    assert own_list.read([DISABLED]) == [0]
    clock.forward(SECONDS)
    assert other_list.read([DISABLED]) == [0]


def test_entries_live_a_day_and_the_leeway(own_list: RevocationList, monkeypatch: pytest.MonkeyPatch) -> None:
    timeouts: list[int] = []
    monkeypatch.setattr(LocMemCache, "set_many", lambda self, values, timeout: timeouts.append(timeout) or [])
    own_list.add({SIGN_IN: 7})
    assert timeouts[0] >= 86_400 + get_settings().leeway_seconds


def test_only_integers_and_digests_are_in_the_cache(own_list: RevocationList, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: dict[str, Any] = {}
    monkeypatch.setattr(LocMemCache, "set_many", lambda self, values, timeout: stored.update(values) or [])
    own_list.add({SIGN_IN: 7, USER: 8, Subject("sign-in", "eu-west-1_TestPool1", "x" * 255 + " \0\ud800"): 9})
    assert list(stored.values()) == [7, 8, 9]
    assert [name for name in stored if not (len(name) < 150 and name.isascii() and " " not in name)] == []
    assert "alice" not in str(stored)


def test_accepted_token_is_read_again_after_revocation_seconds(own_list: RevocationList, clock: Clock) -> None:
    raw = AccessToken("eu-west-1_A", {})
    own_list.read([SIGN_IN])
    clock.forward(2)
    own_list.read([USER])
    own_list.accept(raw, [SIGN_IN, USER], own_list.version)
    clock.forward(SECONDS - 2.1)
    assert own_list.is_accepted(raw)
    clock.forward(0.1)  # the older of the two reads counts
    assert not own_list.is_accepted(raw)


def test_revocation_by_this_process_ends_what_was_accepted(own_list: RevocationList) -> None:
    raw = AccessToken("eu-west-1_A", {})
    own_list.read([SIGN_IN])
    before = own_list.version
    own_list.accept(raw, [SIGN_IN], before)
    assert own_list.is_accepted(raw)
    own_list.add({SIGN_IN: 7})
    assert not own_list.is_accepted(raw)
    own_list.accept(raw, [SIGN_IN], own_list.version)
    assert not own_list.is_accepted(raw)  # a revoked subject
    own_list.accept(raw, [USER], own_list.version)
    assert not own_list.is_accepted(raw)  # a subject that was not read


def test_accepted_token_costs_memory_only_while_it_is_cached(own_list: RevocationList) -> None:
    own_list.read([SIGN_IN])
    own_list.accept(AccessToken("eu-west-1_A", {}), [SIGN_IN], own_list.version)
    gc.collect()
    assert len(own_list._accepted) == 0


def test_number_of_entries_is_bounded(own_list: RevocationList, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_list, "_MAX_ENTRIES", 10)
    for number in range(50):
        own_list.read([SIGN_IN._replace(id=str(number))])
    assert len(own_list._entries) == 10


def test_kinds_and_pools_do_not_share_entries(own_list: RevocationList) -> None:
    own_list.add({SIGN_IN: 7})
    others = [SIGN_IN._replace(kind="user"), SIGN_IN._replace(user_pool_id="eu-west-1_Another"), USER]
    assert own_list.read(others) == [0, 0, 0]


# A cache that is down, or has foreign values


@pytest.fixture(params=["Down", "Garbage", "Bytes"])
def bad_cache(request: pytest.FixtureRequest, settings: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": f"tests.faults.bad_caches.{request.param}"}}


def test_token_is_accepted_without_the_cache(bad_cache: None, present: Authenticate) -> None:
    assert present(token())[0].username == "alice"


def test_token_is_unavailable_without_the_cache_if_set_so(bad_cache: None, cognito: Any, present: Authenticate) -> None:
    cognito(WITHOUT_CACHE="reject")
    with pytest.raises(CognitoUnavailableError) as caught:
        present(token())
    assert caught.value.code == "revocation_unavailable"


def test_token_is_unavailable_if_the_cache_hides_its_outage(settings: Any, cognito: Any, present: Authenticate) -> None:
    # As django-redis with IGNORE_EXCEPTIONS: it reads nothing, stores nothing and raises nothing.
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    cognito(WITHOUT_CACHE="reject")
    assert [code_of(lambda: present(token())) for _ in range(2)] == ["revocation_unavailable"] * 2


def test_token_is_accepted_with_an_emptied_cache_if_set_to_reject(cognito: Any, present: Authenticate) -> None:
    cognito(WITHOUT_CACHE="reject")
    caches["default"].clear()
    assert [code_of(lambda: present(token())) for _ in range(2)] == ["", ""]


def test_not_before_of_the_row_holds_without_the_cache(bad_cache: None, present: Authenticate) -> None:
    raw = token()
    authenticate(raw)
    sign_out_everywhere(raw)
    assert code_of(lambda: present(raw)) == "token_revoked"


def test_revocation_that_was_read_before_holds_without_the_cache(
    own_list: RevocationList, other_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    own_list.add({SIGN_IN: 7})
    other_list.read([SIGN_IN])

    def fail(*_: Any) -> Any:
        raise ConnectionError("down")

    monkeypatch.setattr(LocMemCache, "get_many", fail)
    clock.forward(SECONDS)
    assert other_list.read([SIGN_IN]) == [7]


def test_cache_that_is_down_is_read_once_in_revocation_seconds(
    own_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    calls: list[Any] = []

    def fail(*_: Any) -> Any:
        calls.append(None)
        raise ConnectionError("down")

    monkeypatch.setattr(LocMemCache, "get_many", fail)
    for number in range(10):
        own_list.read([SIGN_IN._replace(id=str(number))])
    assert len(calls) == 1
    clock.forward(SECONDS)
    own_list.read([SIGN_IN])
    assert len(calls) == 2
    assert [record.levelno for record in caplog.records] == [logging.WARNING]  # once a minute
    assert "ConnectionError" in caplog.text


def test_user_is_enabled_in_this_process_without_the_cache(bad_cache: None) -> None:
    own_list = revocation.get_revocation_list()
    own_list.add({DISABLED: 7})
    own_list.remove(DISABLED)
    assert own_list.read([DISABLED]) == [0]


def test_cache_that_fails_while_it_is_filled_is_filled_again(
    own_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise ConnectionError("down")

    insert_unconfirmed(token())
    caches["default"].clear()
    with monkeypatch.context() as patched:
        patched.setattr(LocMemCache, "set", fail)
        own_list.read([USER])
    clock.forward(SECONDS)
    with CaptureQueriesContext(connection) as queries:
        own_list.read([USER])
    assert len(queries) == 1


def test_unstored_revocation_is_reported_to_the_caller(bad_cache: None) -> None:
    is_down = "Down" in get_backend_name()
    assert revocation.get_revocation_list().add({SIGN_IN: 7}) is not is_down


def get_backend_name() -> str:
    return type(caches["default"]).__name__


# Tokens


def test_token_of_a_revoked_sign_in_is_rejected(present: Authenticate) -> None:
    raw = token()
    authenticate(raw)
    revoke_sign_in(raw)
    with pytest.raises(RevokedTokenError) as caught:
        present(raw)
    assert (caught.value.code, caught.value.reason) == ("token_revoked", "origin_jti")


def test_refreshed_token_of_a_revoked_sign_in_is_rejected(present: Authenticate) -> None:
    raw = token()
    revoke_sign_in(raw)
    assert code_of(lambda: present(token(iat=NOW + 5, auth_time=NOW))) == "token_revoked"


def test_token_of_another_sign_in_is_accepted(present: Authenticate) -> None:
    revoke_sign_in(token())
    assert present(token(origin_jti="another sign-in"))[0].username == "alice"


@pytest.mark.django_db(transaction=True)  # otherwise no user is cached
def test_revoked_token_is_rejected_with_a_cached_user(cognito: Any, present: Authenticate) -> None:
    cognito(USER_CACHE_SECONDS=600)
    raw = token()
    authenticate(raw), authenticate(raw)
    revoke_sign_in(raw)
    assert code_of(lambda: present(raw)) == "token_revoked"


@pytest.mark.django_db(transaction=True)  # otherwise no user is cached
def test_cached_user_of_an_unread_sign_in_needs_io(cognito: Any) -> None:
    cognito(USER_CACHE_SECONDS=600)
    raw = token()
    authenticate(raw)
    _, verified = authenticate(raw)
    assert revocation.is_accepted(verified)
    revocation.get_revocation_list()._accepted.clear()
    assert not revocation.is_accepted(verified)


def test_pickled_token_of_a_revoked_sign_in_is_rejected() -> None:
    raw = token()
    _, verified = authenticate(raw)
    revoke_sign_in(raw)
    assert code_of(lambda: revocation.check_token(pickle.loads(pickle.dumps(verified)))) == "token_revoked"


def test_machine_token_is_never_revoked(present: Authenticate, cache_calls: list[str]) -> None:
    assert present(token(username=None))[0].is_authenticated
    assert cache_calls == []


def test_rejected_token_sends_the_signal(caplog: pytest.LogCaptureFixture) -> None:
    raw = token()
    revoke_sign_in(raw)
    with caplog.at_level(logging.INFO, "django_cognito.signals"):
        code_of(lambda: authenticate(raw))
    assert "token refused: token_revoked" in caplog.text


# `not_before` of the link row


@pytest.mark.parametrize(
    ("claims", "code"),
    [
        ({"auth_time": NOW - 1, "iat": NOW + 5}, "token_revoked"),
        ({"auth_time": NOW, "iat": NOW + 5}, "token_revoked"),
        ({"auth_time": NOW + 1, "iat": NOW + 5}, ""),
        ({"auth_time": None, "iat": NOW}, "token_revoked"),
        ({"auth_time": None, "iat": NOW + 1}, ""),
    ],
)
def test_token_of_a_sign_in_at_or_before_not_before_is_rejected(
    present: Authenticate, claims: dict[str, Any], code: str
) -> None:
    first = token(at=-5)
    authenticate(first)
    sign_out_everywhere(first)
    assert code_of(lambda: present(token(**claims))) == code


@pytest.mark.parametrize(("auth_time", "code"), [(NOW, "token_revoked"), (NOW + 1, "")], ids=["at", "after"])
def test_not_before_in_the_cache_rejects_without_the_row(present: Authenticate, auth_time: int, code: str) -> None:
    raw = token(auth_time=auth_time)
    _, verified = authenticate(raw)
    revocation.get_revocation_list().add({Subject("user", verified.user_pool_id, verified.sub): NOW * 1_000})
    assert code_of(lambda: present(raw)) == code


def test_rejected_token_writes_nothing() -> None:
    raw = token(at=-5)
    user, _ = authenticate(raw)
    sign_out_everywhere(raw)
    before = CognitoUser.objects.values().get()
    assert code_of(lambda: authenticate(token("editors", auth_time=NOW - 5))) == "token_revoked"
    assert CognitoUser.objects.values().get() == before
    assert link_of(user).groups == []


def test_steady_request_reads_not_before_in_its_one_query(django_assert_num_queries: Any) -> None:
    raw = token()
    authenticate(raw)
    sign_out_everywhere(raw, at=-60)
    with django_assert_num_queries(1):
        authenticate(raw)


def test_same_sub_in_another_pool_is_accepted(two_pools: Any) -> None:
    raw = token(alias="zen")
    sub, pool = read_unverified(raw)["sub"], get_settings().user_pool_id
    revocation.get_revocation_list().add({Subject("user", pool, sub): NOW * 1_000})
    assert code_of(lambda: authenticate(raw)) == ""
    assert code_of(lambda: authenticate(token())) == "token_revoked"


# Sign-ins that Cognito has not confirmed


def insert_unconfirmed(raw: str, **columns: Any) -> CognitoLogin:
    """Insert the login of a token, which has ended and which Cognito may still refresh."""
    _, verified = authenticate(raw)
    link = CognitoUser.objects.get(sub=verified.sub)
    ended = {"ended_at": timezone.now(), "expires_at": timezone.now(), "tokens": b"", **columns}
    return CognitoLogin.objects.create(cognito_user=link, origin_jti=verified.claims["origin_jti"], **ended)


def test_emptied_cache_is_filled_from_the_database(
    own_list: RevocationList, clock: Clock, django_assert_num_queries: Any
) -> None:
    insert_unconfirmed(token())
    subject = SIGN_IN._replace(id=read_unverified(token())["origin_jti"])
    caches["default"].clear()
    with django_assert_num_queries(1):
        assert own_list.read([subject])[0] > 0
    clock.forward(SECONDS)
    with django_assert_num_queries(0):
        own_list.read([USER])


def test_sign_in_without_origin_jti_is_not_put_into_the_cache(own_list: RevocationList) -> None:
    login = insert_unconfirmed(token())
    CognitoLogin.objects.update(origin_jti="")
    caches["default"].clear()
    own_list.read([USER])
    assert SIGN_IN._replace(id=str(login.pk)) not in own_list._entries


def test_cache_that_stores_nothing_costs_one_query_in_a_while(
    own_list: RevocationList, clock: Clock, settings: Any, django_assert_num_queries: Any
) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    insert_unconfirmed(token())
    subject = SIGN_IN._replace(id=read_unverified(token())["origin_jti"])
    with django_assert_num_queries(1):
        own_list.read([USER])
        assert own_list.read([subject])[0] > 0
    clock.forward(SECONDS)
    with django_assert_num_queries(1):
        own_list.read([USER])


def test_emptied_cache_a_day_later_rejects_a_refreshed_token(present: Authenticate) -> None:
    raw = token(at=-90_000, exp=NOW - 86_400, iat=NOW - 90_000)
    authenticate_long_ago(raw)
    caches["default"].clear()
    revocation.get_revocation_list().clear_entries()
    # Cognito's refresh token is still good: the token is new, and its sign-in was revoked 25 hours ago.
    assert code_of(lambda: present(token(iat=NOW, auth_time=NOW - 90_000))) == "token_revoked"


def authenticate_long_ago(raw: str) -> None:
    """Insert the user of an expired token, and a login that ended 25 hours ago."""
    claims = read_unverified(raw)
    insert_unconfirmed(token(at=-5), ended_at=timezone.now() - timedelta(hours=25))
    assert claims["origin_jti"] == CognitoLogin.objects.get().origin_jti


def test_confirmed_sign_ins_cost_no_query_with_a_filled_cache(own_list: RevocationList) -> None:
    with CaptureQueriesContext(connection) as queries:
        own_list.read([SIGN_IN, USER])
    assert len(queries) == 0


def test_outage_of_the_cache_reads_the_database_again(
    own_list: RevocationList, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> Any:
        raise ConnectionError("down")

    with monkeypatch.context() as patched:
        patched.setattr(LocMemCache, "get_many", fail)
        own_list.read([USER])
    insert_unconfirmed(token())
    clock.forward(SECONDS)
    assert own_list.read([SIGN_IN._replace(id=read_unverified(token())["origin_jti"])])[0] > 0


# A cache that was emptied while the database is down


@pytest.mark.django_db(transaction=True)  # otherwise no user is cached
def test_cached_user_needs_no_database_if_the_cache_was_emptied(
    cognito: Any, present: Authenticate, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> Any:
        raise OperationalError

    cognito(USER_CACHE_SECONDS=600)
    raw = token()
    authenticate(raw), authenticate(raw)
    caches["default"].clear()
    revocation.get_revocation_list().clear_entries()
    with connection.execute_wrapper(fail):
        assert present(raw)[0].username == "alice"
    assert "the database does not respond" in caplog.text


@pytest.mark.parametrize("error", [OperationalError, InterfaceError])
def test_emptied_cache_is_filled_when_the_database_is_back(
    own_list: RevocationList, clock: Clock, caplog: pytest.LogCaptureFixture, error: type[Exception]
) -> None:
    def fail(*_: Any) -> Any:
        raise error

    insert_unconfirmed(token())
    subject = SIGN_IN._replace(id=read_unverified(token())["origin_jti"])
    caches["default"].clear()
    with connection.execute_wrapper(fail):
        assert own_list.read([subject]) == [0]
        assert own_list.read([USER]) == [0]  # no second statement in REVOCATION_SECONDS
    assert len(caplog.records) == 1
    clock.forward(SECONDS)
    assert own_list.read([subject])[0] > 0


@pytest.mark.parametrize("is_marked", [True, False], ids=["after an outage of the cache", "emptied"])
def test_token_is_unavailable_without_the_database_if_set_so(
    cognito: Any, clock: Clock, is_marked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OperationalError

    cognito(WITHOUT_CACHE="reject")
    revocations = RevocationList(get_settings(), now=clock)
    revocations.clear()
    if is_marked:
        with monkeypatch.context() as patched:
            patched.setattr(LocMemCache, "set_many", fail)
            revocations.add({SIGN_IN: 7})
    else:
        caches["default"].clear()
    with connection.execute_wrapper(fail):
        codes = {code_of(lambda: revocations.read([USER])), code_of(lambda: revocations.read([DISABLED]))}
    assert codes == {"revocation_unavailable"}
    clock.forward(SECONDS)
    assert revocations.read([USER]) == [0]


def test_milliseconds_are_rounded_up() -> None:
    moment = datetime.fromtimestamp(NOW, UTC)
    assert to_milliseconds(moment) == NOW * 1_000
    assert to_milliseconds(moment + timedelta(microseconds=1)) == NOW * 1_000 + 1


def test_origin_jti_that_is_no_text_is_empty() -> None:
    assert AccessToken("eu-west-1_A", {"origin_jti": ["a list"]}).origin_jti == ""
