"""The indexes of a pool's users: they find the same users as a scan of moto's table, after any changes."""

import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from local_cognito.accounts.user_pool_backend import UserPoolBackend, table_of
from local_cognito.accounts.user_table import EXTERNAL, UserTable
from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool

VALUES = ("Ann@example.com", "ann@example.com", "ben@example.com", "")


def create_table(**config: Any) -> UserTable:
    """Return the empty table of a new pool."""
    backend = UserPoolBackend("eu-west-1", lambda: 1_700_000_000)
    return table_of(backend.create_user_pool("Pool", config))


def add_user(users: UserTable, name: str, status: str = "CONFIRMED", **attributes: str) -> CognitoIdpUser:
    items = [{"Name": key, "Value": value} for key, value in attributes.items()]
    users[name] = CognitoIdpUser("eu-west-1_Pool", name, None, status, items)
    return users[name]


def identity(subject: str) -> str:
    return json.dumps([{"providerName": "Corporate", "userId": subject}])


def fold(users: UserTable, value: str) -> str:
    return value if users.is_case_sensitive else value.lower()


def scan(users: UserTable, read: Callable[[CognitoIdpUser], str | None], value: str) -> set[str]:
    """Return the names of the users with this value, found without an index."""
    matching = (user for user in users.values() if (own := read(user)) and fold(users, own) == fold(users, value))
    return {user.username for user in matching}


def require_equal_to_scan(users: UserTable) -> None:
    for value in (*VALUES, *users):
        for name in ("email", "preferred_username"):
            usernames = [user.username for user in users.find_all(name, value)]
            assert sorted(usernames) == sorted(
                scan(users, lambda user, name=name: user.attribute_lookup.get(name), value)
            )
        assert [user.username for user in users.find_all("username", value)] == list(
            scan(users, lambda user: user.username, value)
        )
    for user in users.values():
        assert users.find_by_sub(user.id) is user
    subjects = {number: users.find_by_identity("Corporate", str(number)) for number in range(3)}
    for number, user in subjects.items():
        owners = [
            other for other in users.values() if other.attribute_lookup.get("identities") == identity(str(number))
        ]
        assert user in owners if user else owners == []
    assert read_names(users, 7) == list(users)


def read_names(
    users: UserTable, limit: int, matches: Callable[[CognitoIdpUser], bool] = lambda user: True
) -> list[str]:
    return [user.username for page in read_pages(users, limit, matches) for user in page]


def read_pages(
    users: UserTable, limit: int, matches: Callable[[CognitoIdpUser], bool] = lambda user: True
) -> Iterator[list[CognitoIdpUser]]:
    after = -1
    while after:
        page, after = users.read_page(max(after, 0), limit, matches)
        yield page


@pytest.mark.parametrize("is_case_sensitive", [True, False])
def test_indexes_equal_a_scan_after_random_changes(is_case_sensitive: bool) -> None:
    chance = random.Random(7)
    users = create_table(UsernameConfiguration={"CaseSensitive": is_case_sensitive})
    for step in range(150):
        kind, name = chance.choice(["add", "add", "change", "change", "delete"]), f"user{chance.randrange(20)}"
        if kind == "add":
            add_user(users, name, email=chance.choice(VALUES[:3]))
        elif name in users and kind == "delete":
            del users[name]
        elif name in users:
            changes = {"email": chance.choice(VALUES), "preferred_username": chance.choice(VALUES)}
            users.update_attributes(users[name], {**changes, "identities": identity(str(chance.randrange(3)))})
        if step % 10 == 9:
            require_equal_to_scan(users)


def test_deleted_user_leaves_no_index_entry() -> None:
    users = create_table()
    user = add_user(users, "ann", email="ann@example.com", identities=identity("1"))
    del users["ann"]
    assert users.find("ann") is None
    assert (users.find_by_sub(user.id), users.find_by_identity("Corporate", "1")) == (None, None)
    assert users.find_all("email", "ann@example.com") == ()


def test_user_of_the_same_name_replaces_the_first() -> None:
    users = create_table()
    first, second = add_user(users, "ann", email="a@example.com"), add_user(users, "ann", email="b@example.com")
    assert users.find_by_sub(first.id) is None
    assert (users.find("ann"), list(users.find_all("email", "a@example.com"))) == (second, [])
    assert read_names(users, 60) == ["ann"]


def test_page_continues_after_users_that_were_deleted() -> None:
    users = create_table()
    for number in range(10):
        add_user(users, f"user{number}")
    page, after = users.read_page(0, 4, lambda user: True)
    for name in ("user3", "user4", "user0"):
        del users[name]
    add_user(users, "late")
    rest, end = users.read_page(after, 60, lambda user: True)
    assert [user.username for user in page] == ["user0", "user1", "user2", "user3"]
    assert [user.username for user in rest] == ["user5", "user6", "user7", "user8", "user9", "late"]
    assert end == 0


def test_last_full_page_is_known_to_be_the_last() -> None:
    users = create_table()
    for number in range(8):
        add_user(users, f"user{number}")
    assert [len(page) for page in read_pages(users, 4)] == [4, 4]
    assert [len(page) for page in read_pages(users, 4, lambda user: user.username < "user4")] == [4]


def test_only_local_users_have_aliases_and_a_sub_as_username() -> None:
    users = create_table(AliasAttributes=["email"])
    external = add_user(users, "corporate_1", EXTERNAL, email="ann@example.com", email_verified="true")
    assert users.find("ann@example.com") is None
    assert users.find(external.id, accepts_sub=True) is None
    local = add_user(users, "ann", email="ann@example.com", email_verified="true")
    assert users.find("ann@example.com") is local
    assert (users.find(local.id, accepts_sub=True), users.find(local.id)) == (local, None)


def test_invalid_identities_of_a_seed_are_ignored() -> None:
    users = create_table()
    assert add_user(users, "ann", identities="not json")
    assert add_user(users, "ben", identities='{"userId": "1"}')
    assert users.find_by_identity("Corporate", "1") is None


def test_pool_that_no_backend_added_is_refused() -> None:
    with pytest.raises(TypeError, match="was not added"):
        table_of(CognitoIdpUserPool("123456789012", "eu-west-1", "Pool", {}))
