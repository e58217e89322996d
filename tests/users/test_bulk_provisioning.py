"""A page of directory users has the result that single users have, in the cases in which a set of them differs."""

from collections.abc import Iterable
from typing import Any

import pytest
from django.contrib.auth.models import AbstractUser, User
from django.db.models import Value
from django.db.models.functions import Upper

from django_cognito.models import CognitoUser
from django_cognito.users import UserAdapter, UserRefusedError
from django_cognito.users.attributes.claim_sources import IdentityClaims
from django_cognito.users.writing.bulk_provisioning import count_changes, update_users
from tests.support.scenarios.users import directory_claims, link

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
TOGETHER = pytest.mark.parametrize("together", [True, False], ids=["page", "single users"])


class RefusingAdapter(UserAdapter):
    """Refuses the user bob."""

    def may_create_user(self, identity: IdentityClaims) -> bool:
        if identity.username == "bob":
            raise UserRefusedError("no_tenant", "No organisation.")
        return True


class ExpressionAdapter(UserAdapter):
    """Sets a field to an expression of the database."""

    def after_sync(self, user: Any, identity: IdentityClaims, *, is_new: bool) -> None:
        if not is_new:
            user.last_name = Upper(Value("byron"))


def write(claims: Iterable[IdentityClaims], *, together: bool, create: bool = False) -> None:
    for page in [claims] if together else [[claim] for claim in claims]:
        update_users(page, create=create)


def names() -> list[str]:
    """Return the usernames by age."""
    return list(User.objects.order_by("pk").values_list("username", flat=True))


@TOGETHER
def test_refused_user_does_not_stop_the_others(cognito, together) -> None:
    cognito(USER_ADAPTER=f"{__name__}.RefusingAdapter")
    write([directory_claims(username=name) for name in ("bob", "carol")], together=together, create=True)
    assert names() == ["carol"]


@TOGETHER
def test_superuser_who_is_gained_replaces_one_who_is_lost(cognito, together) -> None:
    cognito(GROUPS={"admins": {"superuser": True}}, KEEP_LAST_SUPERUSER=True)
    write([directory_claims(username="new", at=0)], together=together, create=True)
    write([directory_claims("admins", username="old", at=0)], together=together, create=True)
    claims = [directory_claims("admins", username="new", at=1), directory_claims(username="old", at=1)]
    write(claims, together=together)
    assert dict(User.objects.values_list("username", "is_superuser")) == {"new": True, "old": False}


@TOGETHER
def test_username_that_another_user_gives_up_is_free(cognito, together) -> None:
    cognito(ATTRIBUTES={"username": "custom:login"})
    for name, login in (("u1", "ada"), ("u2", "bob")):
        write([directory_claims(username=name, at=0, **{"custom:login": login})], together=True, create=True)
    new = {"u1": "eve", "u2": "ada"}
    claims = [directory_claims(username=name, at=1, **{"custom:login": login}) for name, login in new.items()]
    write(claims, together=together)
    assert names() == ["eve", "ada"]


@TOGETHER
def test_expression_of_an_adapter_is_written(cognito, together) -> None:
    cognito(USER_ADAPTER=f"{__name__}.ExpressionAdapter")
    for at in (0, 1):
        claims = [directory_claims(username=name, at=at, given_name=f"Name{at}") for name in ("alice", "bob")]
        write(claims, together=together, create=True)
    assert set(User.objects.values_list("first_name", "last_name")) == {("Name1", "BYRON")}


@TOGETHER
def test_last_of_two_links_of_a_user_counts(user_from_token, together) -> None:
    user = user_from_token(at=-60)
    link(user, "google")
    claims = [directory_claims(username=name, at=9, given_name=name) for name in ("alice", "google")]
    write(claims, together=together)
    assert User.objects.get().first_name == "google"


def test_names_that_differ_in_case_are_written_one_by_one(cognito) -> None:
    cognito(USERNAME="preferred_username")
    claims = [directory_claims(username=name, preferred_username=name) for name in ("ada", "Ada", "bob")]
    assert update_users(claims, create=True).changed == 3
    # On MariaDB the second name is in use too, so it gets a suffix.
    assert {name.casefold().partition("-")[0] for name in names()} == {"ada", "bob"}


def test_users_who_may_not_be_created_are_not_counted(cognito) -> None:
    cognito(CREATE_USERS=False)
    page = [directory_claims()]
    assert count_changes(page, create=True) == update_users(page, create=True).changed == 0


def test_link_that_moves_to_another_account_did_not_create_it(user_from_token) -> None:
    user_from_token()
    row = CognitoUser.objects.get()
    assert row.created_user is True
    row.user = User.objects.create(username="local")
    row.save()
    assert CognitoUser.objects.get().created_user is False


@TOGETHER
@pytest.mark.parametrize("has_own_save", [True, False])
def test_user_of_whom_only_moments_move_has_not_changed(
    user_from_token, cognito, monkeypatch, together, has_own_save
) -> None:
    """A page that is written one by one counts as one that is written in a set."""
    cognito(KEEP_MISSING_ATTRIBUTES=["first_name", "last_name", "email"])
    if has_own_save:
        monkeypatch.setattr(User, "save", lambda user, *args, **options: AbstractUser.save(user, *args, **options))
    for name in ("alice", "bob"):
        user_from_token(token_use="id", username=name, at=-60)
    User.objects.filter(username="bob").update(is_active=False)

    def count(at: int, **attributes: str) -> int:
        page = [directory_claims(username=name, at=at, **attributes) for name in ("alice", "bob", "carol")]
        pages = [page] if together else [[claim] for claim in page]
        return sum(update_users(page, create=True).changed for page in pages)

    names = {"given_name": "A"}
    assert [count(0, **names), count(1, **names), count(2), count(3, given_name="B")] == [2, 0, 0, 2]


@TOGETHER
@pytest.mark.parametrize("changes", [{}, {"given_name": "Grace"}], ids=["no changes", "changes"])
def test_username_of_the_directory_is_stored_with_the_moment(together, changes) -> None:
    write([directory_claims(username=name, at=0) for name in ("bob", "carol")], together=together, create=True)
    CognitoUser.objects.filter(username="bob").update(username="former")
    claims = [directory_claims(username=name, at=1, **changes) for name in ("bob", "carol")]
    write(claims, together=together)
    assert set(CognitoUser.objects.values_list("username", flat=True)) == {"bob", "carol"}
    assert count_changes(claims) == 0
