"""Sign-ins under way: each state is one browser's, good once, and not for ever."""

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.contrib.sessions.backends.signed_cookies import SessionStore
from django.test import RequestFactory

from django_cognito.core.errors import SignInError
from django_cognito.login import pending
from django_cognito.login.pending import PendingSignIn

REDIRECT_URI = "https://testserver/auth/callback/"


def browser() -> Any:
    request: Any = RequestFactory().get("/")
    request.session = SessionStore()
    return request


def begin(request: Any, next_url: str = "/notes/") -> PendingSignIn:
    return pending.begin(request, redirect_uri=REDIRECT_URI, next_url=next_url)


@pytest.fixture
def pass_seconds(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    moments = [time.time()]
    monkeypatch.setattr("django_cognito.login.pending.time.time", lambda: sum(moments))
    return moments.append


def refused(request: Any, state: str) -> str:
    with pytest.raises(SignInError) as caught:
        pending.finish(request, state)
    return caught.value.code


def test_a_sign_in_comes_back_as_it_was_begun() -> None:
    request = browser()
    begun = begin(request)
    assert pending.finish(request, begun.secrets.state) == begun
    assert (begun.redirect_uri, begun.next_url) == (REDIRECT_URI, "/notes/")


def test_a_sign_in_survives_the_session_being_saved() -> None:
    request = browser()
    begun = begin(request)
    request.session.save()
    later = browser()
    later.session = SessionStore(request.session.session_key)
    assert pending.finish(later, begun.secrets.state) == begun


def test_a_state_is_good_once() -> None:
    request = browser()
    begun = begin(request)
    pending.finish(request, begun.secrets.state)
    assert request.session.modified
    assert refused(request, begun.secrets.state) == "state_unknown"


@pytest.mark.defends("RP-08")
@pytest.mark.django_db
def test_a_state_is_used_up_before_anything_else_can_fail() -> None:
    request = browser()
    request.session = DatabaseSessionStore()
    begun = begin(request)
    request.session.save()
    pending.finish(request, begun.secrets.state)
    later = browser()
    later.session = DatabaseSessionStore(request.session.session_key)
    assert refused(later, begun.secrets.state) == "state_unknown"


@pytest.mark.defends("RP-08")
@pytest.mark.django_db
def test_a_state_is_unknown_where_its_session_ended_meanwhile() -> None:
    request = browser()
    request.session = DatabaseSessionStore()
    begun = begin(request)
    request.session.save()
    DatabaseSessionStore(request.session.session_key).flush()  # by another request of the same browser
    assert refused(request, begun.secrets.state) == "state_unknown"
    assert not request.session.modified


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize("state", ["", "forged"])
def test_a_state_that_was_never_given_changes_nothing(state: str) -> None:
    request = browser()
    begun = begin(request)
    request.session.modified = False
    assert refused(request, state) == "state_unknown"
    assert not request.session.modified
    assert pending.finish(request, begun.secrets.state) == begun


@pytest.mark.defends("RP-01")
def test_another_browsers_state_is_unknown_and_stays_good_there() -> None:
    mine, theirs = browser(), browser()
    begun = begin(mine)
    assert refused(theirs, begun.secrets.state) == "state_unknown"
    assert pending.finish(mine, begun.secrets.state) == begun


def test_a_sign_in_may_take_a_quarter_of_an_hour(pass_seconds: Callable[[float], None]) -> None:
    request = browser()
    begun = begin(request)
    pass_seconds(900)
    assert pending.finish(request, begun.secrets.state) == begun


@pytest.mark.defends("RP-01")
def test_a_sign_in_that_took_longer_is_over_and_used_up(pass_seconds: Callable[[float], None]) -> None:
    request = browser()
    begun = begin(request)
    pass_seconds(901)
    assert pending.finish(request, begun.secrets.state) == replace(begun, is_over=True)
    assert refused(request, begun.secrets.state) == "state_unknown"


def test_ten_tabs_may_sign_in_at_once_and_each_comes_back_to_its_page() -> None:
    request = browser()
    begun = [begin(request, f"/notes/{number}/") for number in range(10)]
    for one in reversed(begun):
        assert pending.finish(request, one.secrets.state) == one


@pytest.mark.defends("RP-08")
def test_the_eleventh_tab_drops_the_oldest() -> None:
    request = browser()
    begun = [begin(request, f"/notes/{number}/") for number in range(11)]
    assert refused(request, begun[0].secrets.state) == "state_unknown"
    assert pending.finish(request, begun[1].secrets.state) == begun[1]
    assert pending.finish(request, begun[10].secrets.state) == begun[10]


def test_every_sign_in_has_secrets_of_its_own() -> None:
    request = browser()
    one, other = begin(request).secrets, begin(request).secrets
    assert len({one.state, one.nonce, one.code_verifier, other.state, other.nonce, other.code_verifier}) == 6


@pytest.mark.defends("RP-20")
def test_a_sign_in_does_not_show_its_secrets() -> None:
    begun = begin(browser())
    assert begun.secrets.state not in repr(begun)
    assert begun.secrets.code_verifier not in repr(begun)
