"""The rows: one link a person and pool, gone with its user, and readable in the admin."""

from datetime import UTC, datetime

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction

from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser

pytestmark = pytest.mark.django_db
MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


@pytest.fixture
def link() -> CognitoUser:
    """A link row as old as it can be."""
    return _link(User.objects.create(username="alice"))


def _link(user: User, **changes: str) -> CognitoUser:
    said = {"user_pool_id": "eu-west-1_TestPool1", "sub": "a-sub", "username": "alice", **changes}
    return CognitoUser.objects.create(user=user, as_of=MOMENT, **said)


def test_a_person_of_a_pool_is_linked_once(link) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        _link(User.objects.create(username="other"))


def test_one_user_may_stand_for_several_people_of_one_or_more_pools(link) -> None:
    _link(link.user, sub="another")
    _link(link.user, user_pool_id="eu-west-1_Other")
    assert link.user.cognito_users.count() == 3


def test_a_membership_is_remembered_once(link) -> None:
    link.memberships.create(name="editors")
    with pytest.raises(IntegrityError), transaction.atomic():
        link.memberships.create(name="editors")


def test_all_goes_with_the_user(link) -> None:
    link.memberships.create(name="editors")
    link.logins.create(tokens=b"", expires_at=MOMENT)
    link.user.delete()
    assert not any(model.objects.exists() for model in (CognitoUser, CognitoMembership, CognitoLogin))


def test_a_row_says_what_it_is_and_nothing_secret(link) -> None:
    login = CognitoLogin(cognito_user=link, tokens=b"secret", expires_at=MOMENT, created_at=MOMENT)
    assert str(link) == "alice (eu-west-1_TestPool1)"
    assert str(CognitoMembership(cognito_user=link, name="editors")) == "editors"
    assert str(login) == f"{link.pk} 2026-03-04 05:06"
    assert "secret" not in repr(login)
