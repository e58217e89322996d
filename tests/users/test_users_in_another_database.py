"""Users are stored in another database than `default`; no statement of the package may use `default`."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction

from django_cognito.authorization.group_expiry import expire_all_remembered_groups, expire_remembered_groups
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.factories import get_verifier
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token, sign_in
from django_cognito.users.attributes.claim_sources import claims_from_directory
from django_cognito.users.authentication import authenticate
from django_cognito.users.linking import link, unlink
from django_cognito.users.writing.bulk_provisioning import update_users
from django_cognito.users.writing.provisioning import reapply_claims
from django_cognito.users.writing.request_writes import collect_writes
from tests.support.scenarios.login import CALLBACK, start_sign_in, token_response, username_at
from tests.support.scenarios.users import NOW, django_groups, token
from tests.support.second_database import second_database

pytestmark = [
    pytest.mark.django_db(databases=["accounts"]),  # Django's tests reject every other database
    pytest.mark.usefixtures("cognito_keys", "mapped"),
]


class UsersElsewhere:
    """A router to one database, which is not `default`."""

    def db_for_read(self, model: Any, **hints: Any) -> str:
        return "accounts"

    db_for_write = db_for_read


@pytest.fixture(scope="module", autouse=True)
def accounts_database(tmp_path_factory: Any, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    with django_db_blocker.unblock(), second_database("accounts", tmp_path_factory.mktemp("db") / "accounts.sqlite3"):
        yield


@pytest.fixture(autouse=True)
def elsewhere(settings: Any, db: None) -> None:
    settings.DATABASE_ROUTERS = [UsersElsewhere()]


def user_from_token(*groups: str, at: int = 0, **claims: Any) -> Any:
    return authenticate(token(*groups, at=at, **claims), token_use=claims.get("token_use", "access"))[0]


def test_user_is_created_and_updated() -> None:
    user = user_from_token("editors", "admins", at=-60)
    assert (user.is_superuser, django_groups(user)) == (True, {"Readers", "Writers"})
    user = user_from_token(at=-30)
    user_from_token(at=-10)
    assert not User.objects.get().is_superuser
    assert django_groups(user) == set()


def test_conflict_rolls_back_to_its_own_savepoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """An IntegrityError in an open transaction of the site is undone only by a savepoint of the same database."""
    from django_cognito.users.writing import link_writes

    build, calls = link_writes.build_account, []

    def fail_once(*args: Any) -> Any:
        user, empty_values = build(*args)
        if not calls:
            calls.append(user)
            for _ in range(2):
                User.objects.create(username=user.username)  # raises IntegrityError
        return user, empty_values

    monkeypatch.setattr(link_writes, "build_account", fail_once)
    with transaction.atomic(using="accounts"):
        assert user_from_token().username == "alice"
    assert User.objects.count() == 1


def test_error_in_a_receiver_leaves_nothing(failing_on: Any) -> None:
    failing_on("Writers")
    with pytest.raises(RuntimeError):
        user_from_token("editors")
    assert (User.objects.count(), CognitoUser.objects.count()) == (0, 0)


def test_account_is_linked_and_unlinked() -> None:
    user = user_from_token()
    other = get_verifier().verify(make_token(username="google"))
    link(user, other, None)
    unlink(user, CognitoUser.objects.get(username="alice").pk)
    assert CognitoUser.objects.get().username == "google"


def test_account_is_linked_by_email(cognito: Any) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com", "password")
    assert user_from_token(token_use="id") == local


def test_page_of_the_directory_is_written() -> None:
    user = user_from_token(at=-60)
    at, sub = datetime.fromtimestamp(NOW, UTC), CognitoUser.objects.get().sub
    directory_user = DirectoryUser(sub, "alice", {"sub": sub}, True, "CONFIRMED", at, at)
    assert update_users([claims_from_directory(directory_user, ("editors",), at, get_settings())]).changed == 1
    assert django_groups(user) == {"Readers", "Writers"}


def test_remembered_groups_expire() -> None:
    user = user_from_token("admins")
    CognitoUser.objects.update(as_of=datetime(2020, 1, 1, tzinfo=UTC))
    expire_remembered_groups(user)
    assert not User.objects.get().is_superuser
    assert expire_all_remembered_groups() == 0


def test_rolled_back_claims_are_written_again() -> None:
    user_from_token("admins", at=-60)
    with collect_writes() as written:
        with transaction.atomic(using="accounts"):
            user_from_token(at=-30)
            transaction.set_rollback(True, using="accounts")
        assert len(written) == 1
        reapply_claims(written)
    assert not User.objects.get().is_superuser


def test_deleted_group_is_granted_again() -> None:
    user = user_from_token("editors", at=-60)
    Group.objects.all().delete()
    user_from_token("editors", at=-60)
    assert django_groups(user) == {"Readers", "Writers"}


@pytest.mark.urls("tests.support.login_site")
def test_sign_in_page_and_sign_out(client: Any, token_endpoint: Any) -> None:
    parameters = start_sign_in(client)
    token_endpoint.script(token_response("alice", nonce=parameters["nonce"]))
    assert client.get(CALLBACK, {"code": "a-code", "state": parameters["state"]}).status_code == 302
    assert username_at(client) == "alice"
    client.post("/auth/logout/", {"where": "everywhere"})
    assert username_at(client) == "nobody"


@pytest.mark.urls("tests.support.login_site")
def test_sign_in_by_the_testing_helper(client: Any) -> None:
    sign_in(client, "alice")
    assert username_at(client) == "alice"
