"""Links of users whom another package has created: `link_users`."""

import time
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import LinkReport, UserLink, existing_users, link_users
from django_cognito.users.authentication import authenticate

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]

SUB = "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"
PASSWORD = "A-local-password-1"
HAS_PASSWORD = "the user has a local password"


def sign_in(sub: str = SUB, groups: tuple[str, ...] = (), **claims: Any) -> Any:
    """Return the user of an access token and its ID token."""
    raw, id_token = (
        make_token(token_use=use, username="alice", sub=sub, groups=groups, **more)
        for use, more in (("access", {}), ("id", claims))
    )
    return authenticate(raw, id_token=id_token)[0]


def create_user(name: str = "former", password: str | None = None, **fields: Any) -> User:
    return User.objects.create_user(name, password=password, **fields)


def test_linked_user_keeps_the_account_at_the_first_token(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"groups": ["Editors"]}}}
    user = create_user(password=PASSWORD, is_staff=True, is_superuser=True)
    user.groups.add(Group.objects.create(name="Given by hand"))
    assert link_users([UserLink(user.pk, SUB, "alice")], keeps_password=True) == LinkReport(1, 0, ())
    first = sign_in(groups=("editors",), given_name="Alice")
    assert (first.pk, first.username, first.first_name) == (user.pk, "former", "Alice")
    assert (first.is_staff, first.is_superuser, first.check_password(PASSWORD)) == (True, True, True)
    assert sorted(first.groups.values_list("name", flat=True)) == ["Editors", "Given by hand"]
    assert User.objects.count() == 1


def test_link_row_is_that_of_a_user_who_existed() -> None:
    user = create_user(email="a@example.com")
    link_users([UserLink(user.pk, SUB)])
    link = CognitoUser.objects.get()
    assert (link.user, link.sub, link.username, link.groups) == (user, SUB, SUB, [])
    assert (link.as_of.timestamp(), link.created_user, link.verified_attributes) == (0, False, ["email"])


def test_repeated_call_changes_nothing_and_counts() -> None:
    pairs = [UserLink(create_user(name).pk, f"sub-{name}") for name in "abc"]
    assert link_users(pairs[:2]) == LinkReport(2, 0, ())
    rows = list(CognitoUser.objects.order_by("pk").values())
    assert link_users(pairs[:2]) == LinkReport(0, 2, ())
    assert list(CognitoUser.objects.order_by("pk").values()) == rows
    assert link_users([*pairs, *pairs]) == LinkReport(1, 5, ())


def test_disabled_user_is_linked_and_stays_disabled() -> None:
    link_users([UserLink(create_user(is_active=False).pk, SUB)])
    with pytest.raises(TokenError) as raised:
        sign_in()
    assert (raised.value.code, User.objects.count()) == ("user_inactive", 1)


def test_sub_of_another_user_is_refused() -> None:
    first, second = create_user("first"), create_user("second")
    pairs = [UserLink(first.pk, SUB), UserLink(second.pk, SUB), UserLink(second.pk, "other")]
    reason = "the Cognito user is linked to another user"
    assert link_users(pairs) == LinkReport(2, 0, ((pairs[1], reason),))
    assert link_users(pairs[1:]) == LinkReport(0, 1, ((pairs[1], reason),))
    assert sign_in() == first


def test_missing_user_is_refused() -> None:
    pair = UserLink(999_999, SUB)
    assert link_users([pair]) == LinkReport(0, 0, ((pair, "there is no such user"),))


@pytest.mark.parametrize("value", ["abc", "", None, 1.5j, 10**30, -(10**30), float("inf")], ids=repr)
def test_value_that_is_no_primary_key_is_refused_alone(value: Any) -> None:
    pair, other = UserLink(value, SUB), UserLink(str(create_user().pk), "another")
    assert link_users([pair, other]) == LinkReport(1, 0, ((pair, "there is no such user"),))


def test_service_user_is_refused(settings: Any) -> None:
    settings.COGNITO = {**settings.COGNITO, "SERVICE_USERS": {"4machine": "former"}}
    pair = UserLink(create_user().pk, SUB)
    assert link_users([pair]) == LinkReport(0, 0, ((pair, "the user is a service user"),))


def test_account_that_an_attacker_registered_is_refused(settings: Any) -> None:
    # Before the migration: with the `sub` of the victim as username, and with the victim's email address.
    attackers = [
        create_user(SUB, PASSWORD, email="attacker@example.com"),
        create_user("attacker", PASSWORD, email="victim@example.com"),
    ]
    pairs = [UserLink(attackers[0].pk, SUB), UserLink(attackers[1].pk, "victim"), UserLink(create_user("own").pk, "o")]
    expected = LinkReport(1, 0, ((pairs[0], HAS_PASSWORD), (pairs[1], HAS_PASSWORD)))
    assert link_users(pairs) == expected
    assert sign_in(SUB) not in attackers
    assert [user.check_password(PASSWORD) for user in attackers] == [True] * 2


@pytest.mark.parametrize("password", ["", "!", "!a hash that was disabled"])
def test_user_without_a_password_that_can_be_correct_is_linked(password: str) -> None:
    user = User.objects.create(username="former", password=password)  # as the code of a site creates users
    assert link_users([UserLink(user.pk, SUB)]) == LinkReport(1, 0, ())


@pytest.mark.parametrize(
    ("setting", "argument", "created"),
    [(False, None, 0), (False, True, 1), (True, None, 1), (True, False, 0)],
)
def test_local_password_requires_the_argument_or_the_setting(
    cognito: Any, setting: bool, argument: bool | None, created: int
) -> None:
    cognito(LINKING_KEEPS_PASSWORD=setting)
    user = create_user(password=PASSWORD)
    assert link_users([UserLink(user.pk, SUB)], keeps_password=argument).created == created
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


def test_existing_link_of_a_user_with_a_password_is_no_refusal() -> None:
    pair = UserLink(create_user(password=PASSWORD).pk, SUB)
    link_users([pair], keeps_password=True)
    assert link_users([pair]) == LinkReport(0, 1, ())


def test_link_that_was_removed_is_not_restored() -> None:
    pair = UserLink(create_user().pk, SUB)
    link_users([pair])
    CognitoUser.objects.get().delete()
    assert link_users([pair]) == LinkReport(0, 0, ((pair, "this link was removed from the user"),))


def test_second_cognito_user_of_one_user_is_linked() -> None:
    user = create_user(email="a@example.com")
    assert link_users([UserLink(user.pk, SUB), UserLink(str(user.pk), "federated")]).created == 2
    assert sign_in("federated") == sign_in() == user


def test_unverified_email_does_not_replace_the_stored_one() -> None:
    user = create_user(email="stored@example.com")
    link_users([UserLink(user.pk, SUB)])
    assert sign_in(email="typed@example.com", email_verified=False).email == "stored@example.com"


def test_verified_email_replaces_the_stored_one() -> None:
    user = create_user(email="stored@example.com")
    link_users([UserLink(user.pk, SUB)])
    assert sign_in(email="new@example.com", email_verified=True).email == "new@example.com"


def test_first_token_stores_the_username_of_a_link() -> None:
    link_users([UserLink(create_user().pk, SUB)])  # of a federated user: the `sub` finds no user of the directory
    sign_in()
    assert CognitoUser.objects.get().username == "alice"


def test_later_token_without_changes_corrects_the_username(call_with_queries: Any) -> None:
    now = int(time.time())  # once: otherwise the next second may begin between two tokens

    def token(seconds: int) -> str:
        return make_token(username="alice", sub=SUB, iat=now + seconds)

    authenticate(token(-2))
    CognitoUser.objects.update(username="former")
    call_with_queries(1, lambda: authenticate(token(-2)))
    assert CognitoUser.objects.get().username == "former"
    call_with_queries(2, lambda: authenticate(token(-1)))  # the UPDATE of `as_of`
    assert CognitoUser.objects.get().username == "alice"


def test_empty_sub_is_an_error_before_anything_is_written() -> None:
    user = create_user()
    with pytest.raises(ValueError, match="expected the `sub`"):
        link_users([UserLink(user.pk, SUB), UserLink(user.pk, "")])
    assert not CognitoUser.objects.exists()


def test_queries_do_not_depend_on_the_number_of_links() -> None:
    counts = []
    for names in ("a", "bcdefgh"):
        pairs = [UserLink(create_user(name).pk, f"sub-{name}") for name in names]
        with CaptureQueriesContext(connection) as queries:
            link_users(pairs)
        counts.append(len(queries))
    assert counts[0] == counts[1] <= 9  # six, and the savepoint


def test_links_are_written_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(existing_users, "_CHUNK_SIZE", 2)
    pairs = [UserLink(create_user(name).pk, f"sub-{name}") for name in "abcde"]
    assert link_users(iter([*pairs, UserLink(999_999, SUB)])) == LinkReport(
        5, 0, ((UserLink(999_999, SUB), "there is no such user"),)
    )


def test_links_are_of_the_pool_of_the_alias(settings: Any) -> None:
    pools = {
        "a": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1"},
        "b": {"USER_POOL_ID": "eu-west-1_BetaPool1", "CLIENT_ID": "2"},
    }
    settings.COGNITO = {"POOLS": pools}
    pair = UserLink(create_user().pk, SUB)
    assert link_users([pair]).created == link_users([pair], alias="b").created == 1
    assert set(CognitoUser.objects.values_list("user_pool_id", flat=True)) == {
        "eu-west-1_AcmePool1",
        "eu-west-1_BetaPool1",
    }


@pytest.mark.needs("postgresql")  # MariaDB locks the gap, so that the token waits
@pytest.mark.django_db(transaction=True)
def test_first_token_during_the_command_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    former, other = create_user("former", email="a@example.com"), create_user("other", email="b@example.com")
    find_claims = existing_users.find_local_contact_claims
    threads: list[Thread] = []

    def sign_in_and_close() -> None:
        sign_in()
        connection.close()

    def find_after_a_first_token(*arguments: Any) -> Any:
        if not threads:  # the links of the chunk have been read, and none is written yet
            threads.append(Thread(target=sign_in_and_close))
            threads[0].start()
            threads[0].join(120)
        return find_claims(*arguments)

    monkeypatch.setattr(existing_users, "find_local_contact_claims", find_after_a_first_token)
    pairs = [UserLink(former.pk, SUB), UserLink(other.pk, "another")]
    report = link_users(pairs)
    assert report == LinkReport(1, 0, ((pairs[0], "the Cognito user is linked to another user"),))
