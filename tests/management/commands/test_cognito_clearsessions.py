"""`manage.py cognito_clearsessions`."""

import re
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store, stored_tokens
from django_cognito.sessions.ending import clean_up, conditions
from django_cognito.signals import signed_out
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.scenarios.login import create_login, read_form

pytestmark = pytest.mark.django_db
NOTHING = "Ended 0 logins, revoked 0 refresh tokens, removed expired groups of 0 users, re-encrypted 0 logins."


def run(**options: Any) -> str:
    output = StringIO()
    call_command("cognito_clearsessions", stdout=output, **options)
    return output.getvalue().strip()


def create_old_login(days: float, username: str = "alice", *, used: bool = True, **columns: Any) -> CognitoLogin:
    """Return a login that was last used that many days ago; without `used`, a row of a former release."""
    login, at = create_login(Client(), username), timezone.now() - timedelta(days=days)
    changes = {"created_at": at, "expires_at": at + timedelta(hours=1), "last_used_at": at if used else None}
    CognitoLogin.objects.filter(pk=login.pk).update(**{**changes, **columns})
    login.refresh_from_db()
    return login


def remaining() -> set[str]:
    return set(CognitoLogin.objects.values_list("cognito_user__username", flat=True))


@pytest.fixture
def reasons() -> Iterator[list[str]]:
    """Yield the reasons of the `signed_out` signals."""
    received: list[str] = []

    def receive(reason: str, **_: Any) -> None:
        received.append(reason)

    signed_out.connect(receive)
    yield received
    signed_out.disconnect(receive)


# Groups


@pytest.mark.usefixtures("cognito_keys", "editors_may_change_groups")
def test_clearsessions_removes_expired_groups_and_prints_the_count() -> None:
    for name in ("alice", "bob", "carol"):
        authenticate(make_token(username=name, groups=["admins"]))
    CognitoUser.objects.exclude(username="carol").update(as_of=timezone.now() - timedelta(days=31))
    assert "Would end 0 logins, revoke 0 refresh tokens, remove expired groups of 2 users" in run(dry_run=True)
    assert "removed expired groups of 2 users" in run()
    assert list(User.objects.filter(is_staff=True).values_list("username", flat=True)) == ["carol"]
    assert run() == NOTHING
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(days=31))
    assert "removed expired groups of 1 user," in run()


# Logins


def test_unused_logins_are_revoked_and_deleted(token_endpoint: ScriptedServer, reasons: list[str]) -> None:
    create_old_login(31, "alice")
    create_old_login(31, "bob", used=False)
    create_old_login(29, "carol")
    create_old_login(29, "dave", used=False)
    assert run().startswith("Ended 2 logins, revoked 2 refresh tokens,")
    assert remaining() == {"carol", "dave"}
    assert [read_form(request)["token"] for request in token_endpoint.requests] == ["a-refresh-token"] * 2
    assert reasons == ["session_expired"] * 2
    assert run() == NOTHING


def test_older_than_replaces_the_default(token_endpoint: ScriptedServer) -> None:
    create_old_login(31, "alice")
    create_old_login(100, "bob")
    assert run(older_than=90).startswith("Ended 1 login,")
    assert remaining() == {"alice"}
    assert run(older_than=0.5).startswith("Ended 1 login,")


@pytest.mark.parametrize("days", ["0", "-1", "many", "nan", "1e9"])
def test_older_than_must_be_a_positive_number(days: str) -> None:
    with pytest.raises(CommandError, match="--older-than"):
        call_command("cognito_clearsessions", f"--older-than={days}")


@pytest.mark.parametrize(("age_seconds", "days"), [(1_209_600, 30), (31_536_000, 365)])
def test_default_is_30_days_or_the_session_age(settings: Any, age_seconds: int, days: float) -> None:
    settings.SESSION_COOKIE_AGE = age_seconds
    assert clean_up.get_default_unused_days() == days


@pytest.mark.parametrize(("key", "ended"), [("SESSION_IDLE_SECONDS", {"bob"}), ("SESSION_MAX_SECONDS", {"bob"})])
def test_logins_end_by_the_age_limits_of_the_site(
    token_endpoint: ScriptedServer, settings: Any, key: str, ended: set[str]
) -> None:
    settings.COGNITO = {**settings.COGNITO, key: 3 * 86_400}
    create_old_login(2, "alice")
    create_old_login(4, "bob")
    run()
    assert remaining() == {"alice", "bob"} - ended


def test_login_that_is_used_daily_stays_for_years(token_endpoint: ScriptedServer) -> None:
    create_old_login(2_000, last_used_at=timezone.now() - timedelta(days=1))
    assert run() == NOTHING
    assert remaining() == {"alice"}


def test_login_used_meanwhile_is_not_ended(token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The condition is part of the UPDATE: a request may use the login after it was read."""
    mark_ended = conditions.mark_ended

    def use_first(login: CognitoLogin, *args: Any, **options: Any) -> bool:
        CognitoLogin.objects.filter(pk=login.pk).update(last_used_at=timezone.now())
        return mark_ended(login, *args, **options)

    create_old_login(31)
    monkeypatch.setattr(clean_up, "mark_ended", use_first)
    assert run() == NOTHING
    assert CognitoLogin.objects.get().ended_at is None


def test_login_is_ended_once_by_two_runs(token_endpoint: ScriptedServer, reasons: list[str]) -> None:
    login = create_old_login(31)
    other_run = clean_up.filter_too_old(clean_up.AgeLimits(idle=timedelta(days=30)), timezone.now())
    assert conditions.mark_ended(login, other_run, reason="session_expired")
    assert not conditions.mark_ended(login, other_run, reason="session_expired")
    assert clean_up.end_expired_logins(30) == 0
    assert reasons == ["session_expired"]


def test_dry_run_changes_and_sends_nothing(token_endpoint: ScriptedServer, settings: Any, reasons: list[str]) -> None:
    create_old_login(31)
    CognitoLogin.objects.filter(pk=create_old_login(1, "bob").pk).update(ended_at=timezone.now())
    settings.SECRET_KEY_FALLBACKS, settings.SECRET_KEY = [settings.SECRET_KEY], "another key, also long enough for it"
    before = list(CognitoLogin.objects.order_by("pk").values())
    assert run(dry_run=True) == (
        "Would end 1 login, revoke 2 refresh tokens, remove expired groups of 0 users, re-encrypt 2 logins."
    )
    assert list(CognitoLogin.objects.order_by("pk").values()) == before
    assert (token_endpoint.count, reasons) == (0, [])


# Pending revocations


def test_pending_revocation_is_retried_until_cognito_answers(token_endpoint: ScriptedServer) -> None:
    create_old_login(31)
    token_endpoint.script(Answer(503))
    with pytest.raises(CommandError, match=r"1 refresh token could not be revoked") as caught:
        run()
    assert caught.value.returncode == 1
    assert CognitoLogin.objects.get().ended_at is not None
    token_endpoint.script(Answer())
    assert run().startswith("Ended 0 logins, revoked 1 refresh token,")
    assert not CognitoLogin.objects.exists()


# Encryption


def test_tokens_under_a_former_key_are_encrypted_again(token_endpoint: ScriptedServer, settings: Any) -> None:
    old_key, new_key = settings.SECRET_KEY, "another key, also long enough for deriving keys from it"
    old = create_login(Client(), "alice")
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = new_key, [old_key]
    current = create_login(Client(), "bob")
    CognitoLogin.objects.filter(pk=create_login(Client(), "carol").pk).update(tokens=b"changed")
    assert run().endswith("re-encrypted 1 login.")
    settings.SECRET_KEY_FALLBACKS = []
    old.refresh_from_db()
    assert store.decrypt_tokens(old).refresh_token == "a-refresh-token"
    assert CognitoLogin.objects.get(pk=current.pk).tokens == current.tokens


def test_current_tokens_are_not_read_without_a_former_key(token_endpoint: ScriptedServer) -> None:
    create_login(Client())
    with CaptureQueriesContext(connection) as queries:
        assert clean_up.reencrypt_logins() == 0
    assert len(queries) == 0


@pytest.mark.parametrize("change", [{"version": 1}, {}], ids=["by a refresh", "by a sign-out"])
def test_tokens_refreshed_meanwhile_are_not_replaced(
    token_endpoint: ScriptedServer, settings: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    login = create_login(Client())
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "another key, also long enough for it", [settings.SECRET_KEY]

    def refresh_first(row: CognitoLogin) -> bytes | None:
        tokens = stored_tokens.reencrypt_tokens(row)
        CognitoLogin.objects.filter(pk=row.pk).update(tokens=b"new", **change)
        return tokens

    monkeypatch.setattr(clean_up, "reencrypt_tokens", refresh_first)
    assert clean_up.reencrypt_logins() == 0
    assert bytes(CognitoLogin.objects.get(pk=login.pk).tokens) == b"new"


# Pages


@pytest.mark.parametrize("is_same_time", [True, False])
def test_each_row_is_read_once_in_pages(
    token_endpoint: ScriptedServer, settings: Any, monkeypatch: pytest.MonkeyPatch, is_same_time: bool
) -> None:
    monkeypatch.setattr(clean_up, "_PAGE_SIZE", 2)
    settings.SECRET_KEY_FALLBACKS = ["a former key"]
    at = timezone.now() - timedelta(days=40)
    for number in range(5):
        create_old_login(40, f"user{number}", **({"expires_at": at} if is_same_time else {}))
    assert clean_up.end_expired_logins(30, is_dry_run=True) == 5
    assert len({row.pk for row in clean_up._read_by_key()}) == 5
    assert clean_up.end_expired_logins(30) == 5
    assert clean_up.end_expired_logins(30) == 0


@pytest.mark.needs("postgresql")
def test_expired_logins_are_found_by_an_index(token_endpoint: ScriptedServer) -> None:
    link, now = create_old_login(31).cognito_user, timezone.now()
    moments = [now - timedelta(minutes=number) for number in range(1_000)]
    CognitoLogin.objects.bulk_create(
        CognitoLogin(cognito_user=link, tokens=b"", expires_at=moment, last_used_at=moment) for moment in moments
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE django_cognito_cognitologin")
        with CaptureQueriesContext(connection) as queries:
            assert clean_up.end_expired_logins(30) == 1
        cursor.execute(f"EXPLAIN {queries.captured_queries[0]['sql']}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert re.search(r"Index Scan using \w*expires_at\w*", plan)
