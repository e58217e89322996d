from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.testing import make_token, trusted_keys
from django_cognito.users.authentication import verify

pytestmark = pytest.mark.usefixtures("cognito_down")


def test_trusted_keys_verify_without_a_fetch() -> None:
    with trusted_keys():
        assert verify(make_token())[0].username == "alice"


def test_trusted_keys_are_discarded_on_exit() -> None:
    with trusted_keys():
        raw = make_token()
    with pytest.raises(CognitoUnavailableError):
        verify(raw)


def test_trusted_keys_are_discarded_on_an_exception() -> None:
    with pytest.raises(ZeroDivisionError), trusted_keys():
        1 / 0  # noqa: B018
    with pytest.raises(CognitoUnavailableError):
        verify(make_token())


def test_nested_trusted_keys_leave_the_outer_keys() -> None:
    with trusted_keys():
        with trusted_keys():
            pass
        assert verify(make_token())[0].username == "alice"


def test_nested_trusted_keys_of_another_pool_leave_the_outer_keys(settings: Any) -> None:
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
def test_trusted_keys_follow_changed_settings(settings: Any, changed: dict[str, Any]) -> None:
    with trusted_keys():
        settings.COGNITO = {**settings.COGNITO, **changed}
        assert verify(make_token())[0].username == "alice"


def test_trusted_keys_survive_invalid_settings(settings: Any) -> None:
    sound = settings.COGNITO
    with trusted_keys():
        settings.COGNITO = {}
        settings.DEBUG = True
        settings.COGNITO = sound
        assert verify(make_token())[0].username == "alice"


def test_trusted_keys_with_invalid_settings_are_improperly_configured(settings: Any) -> None:
    settings.COGNITO = {}
    with pytest.raises(ImproperlyConfigured), trusted_keys():
        pass
