"""The models: one CognitoUser for each user of a pool, deleted with the Django user."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def cognito_user() -> CognitoUser:
    """Return the CognitoUser of alice."""
    return _create_cognito_user(User.objects.create(username="alice"))


def _create_cognito_user(user: User, **changes: str) -> CognitoUser:
    fields = {"user_pool_id": "eu-west-1_TestPool1", "sub": "a-sub", "username": "alice", **changes}
    return CognitoUser.objects.create(user=user, as_of=MOMENT, **fields)


def test_cognito_user_is_unique_by_pool_and_sub(cognito_user) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        _create_cognito_user(User.objects.create(username="other"))


def test_one_user_can_have_several_cognito_users(cognito_user) -> None:
    _create_cognito_user(cognito_user.user, sub="another")
    _create_cognito_user(cognito_user.user, user_pool_id="eu-west-1_Other")
    assert cognito_user.user.cognito_users.count() == 3


def test_membership_is_unique_by_name(cognito_user) -> None:
    cognito_user.memberships.create(name="editors")
    with pytest.raises(IntegrityError), transaction.atomic():
        cognito_user.memberships.create(name="editors")


def test_deleting_the_user_deletes_all_rows(cognito_user) -> None:
    cognito_user.memberships.create(name="editors")
    cognito_user.logins.create(tokens=b"", expires_at=MOMENT)
    cognito_user.user.delete()
    assert not any(model.objects.exists() for model in (CognitoUser, CognitoMembership, CognitoLogin))


def test_str_of_the_models_contains_no_secret(cognito_user) -> None:
    login = CognitoLogin(cognito_user=cognito_user, tokens=b"secret", expires_at=MOMENT, created_at=MOMENT)
    assert str(cognito_user) == "alice (eu-west-1_TestPool1)"
    assert str(CognitoMembership(cognito_user=cognito_user, name="editors")) == "editors"
    assert str(login) == f"{cognito_user.pk} 2026-03-04 05:06"
    assert "secret" not in repr(login)
