"""Users who are disabled or deleted in Cognito: rejected at once, by every entry point, until they sign in again."""

import logging
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user_model
from django.core.cache import caches
from django.test import Client
from django.utils import timezone

from django_cognito.core.directory import DirectoryUser
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.signals import signed_out
from django_cognito.testing import sign_in
from django_cognito.users import account_status, revocation
from django_cognito.users.account_status import check_at_cognito, record_disabled, record_enabled, record_gone
from django_cognito.users.authentication import aauthenticate, authenticate
from tests.support.callers import bearer
from tests.support.scenarios.login import username_at
from tests.support.scenarios.users import link, token

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.usefixtures("cognito_keys"),
    pytest.mark.urls("tests.support.login_site"),
]
CODE = "user_disabled_in_cognito"
REPORTS = {"disabled": record_disabled, "gone": record_gone}


@pytest.fixture(params=["sync", "async"])
def present(request: pytest.FixtureRequest) -> Any:
    """Return `authenticate`, or its async version."""
    return authenticate if request.param == "sync" else async_to_sync(aauthenticate)


@pytest.fixture(params=REPORTS.values(), ids=REPORTS)
def report(request: pytest.FixtureRequest) -> Any:
    return request.param


def seconds_from_now(seconds: float) -> int:
    return int(time.time() + seconds)


def new_user(username: str = "alice") -> CognitoUser:
    """Create the user of a token and return the link row."""
    user, _ = authenticate(token(username=username, at=-60))
    return CognitoUser.objects.get(user=user)


def code_of(call: Any) -> str:
    """Return the error code of `call`; empty if it raises none."""
    try:
        call()
    except TokenError as error:
        return error.code
    return ""


def forget_cache() -> None:
    """Empty the cache, and what this process has read of it."""
    caches["default"].clear()
    revocation.get_revocation_list().clear_entries()


# Entry points


@pytest.mark.parametrize("is_cached", [True, False])
def test_token_of_a_disabled_user_is_rejected(present: Any, report: Any, is_cached: bool) -> None:
    raw = token(at=-60)
    report(new_user())
    if not is_cached:
        forget_cache()
    assert code_of(lambda: present(raw)) == CODE


@pytest.mark.django_db(transaction=True)  # otherwise no user is cached
def test_token_of_a_disabled_user_is_rejected_with_a_cached_user(present: Any, cognito: Any) -> None:
    cognito(USER_CACHE_SECONDS=600)
    raw = token(at=-60)
    row = new_user()
    authenticate(raw), authenticate(raw)
    record_disabled(row)
    assert code_of(lambda: present(raw)) == CODE


def test_cache_alone_rejects_a_disabled_user_in_another_process(present: Any) -> None:
    raw = token(at=-60)
    row = new_user()
    record_disabled(row)
    CognitoUser.objects.update(enabled=True, not_before=None)  # as a replica that lags
    assert code_of(lambda: present(raw)) == CODE


@pytest.mark.parametrize("is_cached", [True, False])
def test_session_of_a_disabled_user_ends(client: Client, report: Any, is_cached: bool) -> None:
    reasons: list[str] = []

    def receive(reason: str, **_: Any) -> None:
        reasons.append(reason)

    sign_in(client)
    report(CognitoUser.objects.get())
    if not is_cached:
        forget_cache()
    signed_out.connect(receive)
    try:
        assert username_at(client) == "nobody"
    finally:
        signed_out.disconnect(receive)
    assert reasons == [CODE]
    assert store.SESSION_KEY not in client.session
    assert not CognitoLogin.objects.active().exists()


def test_bearer_request_of_a_disabled_user_is_401_with_the_code(client: Client, report: Any) -> None:
    raw = token(at=-60)
    report(new_user())
    response = client.get("/who/", headers=bearer(raw))
    assert (response.status_code, response.json()["code"]) == (401, CODE)


def test_backend_rejects_a_disabled_user(report: Any) -> None:
    from django.contrib.auth import authenticate as django_authenticate

    raw = token(at=-60)
    report(new_user())
    assert django_authenticate(None, cognito_token=raw) is None


def test_another_enabled_link_lets_the_user_in(present: Any, client: Client) -> None:
    row = new_user()
    link(row.user, "acme_alice")
    record_disabled(row)
    assert present(token(username="acme_alice", at=-60))[0].pk == row.user_id
    sign_in(client, "acme_alice")
    assert username_at(client) == "alice"
    assert code_of(lambda: present(token(at=-60))) == CODE


def test_disabled_user_of_another_pool_with_the_same_sub_is_let_in(two_pools: Any, present: Any) -> None:
    record_disabled(new_user())
    assert code_of(lambda: present(token(alias="zen", at=-60))) == ""


def test_rejected_token_of_a_disabled_user_changes_nothing(report: Any) -> None:
    row = new_user()
    report(row)
    before = CognitoUser.objects.values().get()
    assert code_of(lambda: authenticate(token("editors", at=-30))) == CODE
    assert CognitoUser.objects.values().get() == before


# Enabled again


def test_later_sign_in_proves_that_the_user_is_enabled(present: Any, report: Any) -> None:
    row = new_user()
    report(row)
    CognitoUser.objects.update(not_before=timezone.now() - timedelta(seconds=30))
    CognitoUser.objects.filter(gone_at__isnull=False).update(gone_at=timezone.now() - timedelta(seconds=30))
    forget_cache()
    assert present(token(at=0, auth_time=seconds_from_now(0)))[0].pk == row.user_id
    row.refresh_from_db()
    assert (row.enabled, row.gone_at) == (True, None)
    assert code_of(lambda: present(token(at=-60, auth_time=seconds_from_now(-60)))) == "token_revoked"


@pytest.mark.parametrize("after", [0, 9])
def test_sign_in_within_the_leeway_proves_nothing(present: Any, report: Any, after: int) -> None:
    row, auth_time = new_user(), seconds_from_now(after)  # not after the report, which a busy computer stores later
    report(row)
    assert code_of(lambda: present(token(auth_time=auth_time))) == CODE
    forget_cache()
    assert code_of(lambda: present(token(auth_time=auth_time))) == CODE


def test_refreshed_token_of_an_earlier_sign_in_proves_nothing(present: Any, report: Any) -> None:
    row = new_user()
    report(row)
    CognitoUser.objects.update(not_before=timezone.now() - timedelta(seconds=30))
    forget_cache()
    assert code_of(lambda: present(token(iat=seconds_from_now(0), auth_time=seconds_from_now(-60)))) == CODE


def test_token_without_auth_time_proves_nothing(present: Any) -> None:
    row = new_user()
    record_disabled(row)
    CognitoUser.objects.update(not_before=timezone.now() - timedelta(minutes=30))
    forget_cache()
    assert code_of(lambda: present(token(auth_time=None))) == CODE


def test_user_disabled_without_a_moment_is_rejected(present: Any) -> None:
    new_user()
    CognitoUser.objects.update(enabled=False)
    assert code_of(lambda: present(token(auth_time=seconds_from_now(9)))) == CODE


def test_second_report_moves_the_moment() -> None:
    row = new_user()
    CognitoUser.objects.update(enabled=False, not_before=timezone.now() - timedelta(hours=1))
    record_disabled(row)
    row.refresh_from_db()
    assert row.not_before is not None
    assert row.not_before > timezone.now() - timedelta(minutes=1)


def test_report_of_an_unlinked_user_does_nothing() -> None:
    row = new_user()
    CognitoUser.objects.all().delete()
    record_disabled(row)
    record_enabled(row.user_pool_id, row.sub)


# The live check


class ScriptedDirectory:
    """A directory with one answer."""

    def __init__(self, answer: DirectoryUser | Exception | None) -> None:
        self.answer = answer

    def user(self, username: str) -> DirectoryUser | None:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def directory_user(row: CognitoUser, *, enabled: bool, sub: str = "") -> DirectoryUser:
    now = datetime.now(UTC)
    return DirectoryUser(sub or row.sub, row.username, {}, enabled, "CONFIRMED", now, now)


@pytest.mark.parametrize(
    ("answer", "is_enabled", "columns"),
    [
        (lambda row: directory_user(row, enabled=True), True, (True, False)),
        (lambda row: directory_user(row, enabled=False), False, (False, False)),
        (lambda row: None, False, (True, True)),
        (lambda row: directory_user(row, enabled=True, sub="another"), False, (True, True)),
    ],
    ids=["enabled", "disabled", "gone", "another user has the username"],
)
def test_live_check_records_what_the_directory_returns(
    monkeypatch: pytest.MonkeyPatch, answer: Any, is_enabled: bool, columns: tuple[bool, bool]
) -> None:
    row = new_user()
    monkeypatch.setattr(account_status, "get_directory", lambda _: ScriptedDirectory(answer(row)))
    assert check_at_cognito(row) is is_enabled
    row.refresh_from_db()
    assert (row.enabled, row.gone_at is not None) == columns


def test_live_check_enables_a_user_again(monkeypatch: pytest.MonkeyPatch) -> None:
    row = new_user()
    record_disabled(row)
    row.refresh_from_db()
    monkeypatch.setattr(account_status, "get_directory", lambda _: ScriptedDirectory(directory_user(row, enabled=True)))
    assert check_at_cognito(row)
    assert code_of(lambda: authenticate(token(auth_time=seconds_from_now(5)))) == ""


def test_live_check_in_an_outage_records_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    row = new_user()
    down = CognitoUnavailableError("down")
    monkeypatch.setattr(account_status, "get_directory", lambda _: ScriptedDirectory(down))
    with pytest.raises(CognitoUnavailableError):
        check_at_cognito(row)
    row.refresh_from_db()
    assert (row.enabled, row.gone_at) == (True, None)


# MIRROR_ENABLED


@pytest.fixture
def mirrored(cognito: Any) -> None:
    cognito(MIRROR_ENABLED=True)


def is_active() -> bool:
    return get_user_model().objects.get().is_active


def test_is_active_stays_the_sites_by_default(report: Any) -> None:
    report(new_user())
    assert is_active()


def test_disabled_user_is_deactivated_and_activated_again(mirrored: None, report: Any) -> None:
    row = new_user()
    report(row)
    assert not is_active()
    record_enabled(row.user_pool_id, row.sub)
    assert is_active()


def test_user_deactivated_by_the_site_stays_inactive(mirrored: None) -> None:
    row = new_user()
    get_user_model().objects.update(is_active=False)
    record_disabled(row)
    record_enabled(row.user_pool_id, row.sub)
    assert not is_active()


def test_user_deactivated_after_the_activation_stays_inactive(mirrored: None) -> None:
    row = new_user()
    record_disabled(row)
    record_enabled(row.user_pool_id, row.sub)
    get_user_model().objects.update(is_active=False)
    record_enabled(row.user_pool_id, row.sub)
    assert not is_active()


def test_user_with_another_enabled_link_stays_active(mirrored: None) -> None:
    row = new_user()
    link(row.user, "acme_alice")
    record_disabled(row)
    assert is_active()
    other = CognitoUser.objects.get(username="acme_alice")
    record_disabled(other)
    assert not is_active()
    record_enabled(row.user_pool_id, row.sub)  # not the link that deactivated the user
    assert is_active()
    assert not CognitoUser.objects.filter(deactivated_user=True).exists()


def test_later_sign_in_activates_the_mirrored_user(mirrored: None, present: Any) -> None:
    record_disabled(new_user())
    CognitoUser.objects.update(not_before=timezone.now() - timedelta(seconds=30))
    forget_cache()
    assert present(token(auth_time=seconds_from_now(0)))[0].is_active


def test_report_logs_no_token(caplog: pytest.LogCaptureFixture) -> None:
    raw = token(at=-60)
    with caplog.at_level(logging.DEBUG):
        record_disabled(new_user())
        code_of(lambda: authenticate(raw))
    assert raw not in caplog.text
