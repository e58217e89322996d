from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.testing import make_token, trusted_keys
from django_cognito.users.authentication import verify

pytestmark = pytest.mark.usefixtures("cognito_down")


def test_while_open_nothing_is_fetched() -> None:
    with trusted_keys():
        assert verify(make_token())[0].username == "alice"


def test_once_closed_all_is_forgotten() -> None:
    with trusted_keys():
        raw = make_token()
    with pytest.raises(CognitoUnavailableError):
        verify(raw)


def test_all_is_forgotten_where_the_test_fails() -> None:
    with pytest.raises(ZeroDivisionError), trusted_keys():
        1 / 0  # noqa: B018
    with pytest.raises(CognitoUnavailableError):
        verify(make_token())


def test_an_inner_one_leaves_the_outer_one_open() -> None:
    with trusted_keys():
        with trusted_keys():
            pass
        assert verify(make_token())[0].username == "alice"


def test_an_inner_one_for_another_pool_leaves_the_outer_one_open(settings: Any) -> None:
    outer = settings.COGNITO
    with trusted_keys():
        settings.COGNITO = {"USER_POOL_ID": "us-east-1_Other", "CLIENT_ID": "another"}
        with trusted_keys():
            pass
        settings.COGNITO = outer
        assert verify(make_token())[0].username == "alice"


@pytest.mark.parametrize(
    "changed", [{"LEEWAY_SECONDS": 0}, {"HTTP_TIMEOUT_SECONDS": 1}, {"USER_POOL_ID": "us-east-1_Other"}]
)
def test_settings_may_change_meanwhile(settings: Any, changed: dict[str, Any]) -> None:
    with trusted_keys():
        settings.COGNITO = {**settings.COGNITO, **changed}
        assert verify(make_token())[0].username == "alice"


def test_settings_may_be_broken_meanwhile(settings: Any) -> None:
    sound = settings.COGNITO
    with trusted_keys():
        settings.COGNITO = {}
        settings.DEBUG = True
        settings.COGNITO = sound
        assert verify(make_token())[0].username == "alice"


def test_broken_settings_are_told_at_once(settings: Any) -> None:
    settings.COGNITO = {}
    with pytest.raises(ImproperlyConfigured), trusted_keys():
        pass
