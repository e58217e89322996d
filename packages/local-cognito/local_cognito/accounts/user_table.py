"""The users of one user pool: moto's table, with indexes that find a user in constant time.

Does not depend on HTTP. Not thread-safe, like moto: the caller locks.
"""

import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime

from moto.cognitoidp.models import CognitoIdpUser, CognitoIdpUserPool

EXTERNAL = "EXTERNAL_PROVIDER"
# The indexed values: the name of an attribute, `username` or `identity`, and the value.
_Key = tuple[str, str]
_INDEXED_ATTRIBUTES = ("sub", "email", "phone_number", "preferred_username")
# AWS API reference, UsernameConfigurationType: usernames, email addresses and preferred usernames.
_CASE_INSENSITIVE = frozenset({"username", "email", "preferred_username"})


class UserTable(dict[str, CognitoIdpUser]):
    """The users of a pool by username, in the order of their creation.

    moto adds and deletes users with `[]`. Only `update_attributes` may change the attributes of a user in the
    table: the indexes contain them. Each user has a position, a number above 0 that never changes.
    """

    def __init__(self, pool: CognitoIdpUserPool, now: Callable[[], float]) -> None:
        super().__init__()
        self._pool = pool
        self._now = now
        configuration = pool.extended_config.get("UsernameConfiguration") or {}
        self.is_case_sensitive = bool(configuration.get("CaseSensitive", True))
        self._users_by_key: dict[_Key, list[CognitoIdpUser]] = {}
        self._position_of: dict[CognitoIdpUser, int] = {}
        self._user_at: dict[int, CognitoIdpUser] = {}
        self._positions: list[int] = []  # ascending
        self._last_position = 0

    def __setitem__(self, username: str, user: CognitoIdpUser) -> None:
        """Add a user, who is created and modified now."""
        if username in self:
            del self[username]
        super().__setitem__(username, user)
        self._last_position += 1
        self._positions.append(self._last_position)
        self._user_at[self._last_position] = user
        self._position_of[user] = self._last_position
        self._add_to_indexes(user)
        self.mark_modified(user)
        user.create_date = user.last_modified_date

    def __delitem__(self, username: str) -> None:
        """Delete a user. The positions of the others stay the same."""
        user = self[username]
        super().__delitem__(username)
        self._remove_from_indexes(user)
        position = self._position_of.pop(user)
        del self._user_at[position]
        del self._positions[bisect_left(self._positions, position)]

    def update_attributes(self, user: CognitoIdpUser, values: Mapping[str, str]) -> None:
        """Set attributes of a user of this table. An empty value deletes the attribute."""
        self._remove_from_indexes(user)
        user.update_attributes([{"Name": name, "Value": value} for name, value in values.items() if value])
        user.delete_attributes([name for name in values if not values[name] and name in user.attribute_lookup])
        self._add_to_indexes(user)
        self.mark_modified(user)

    def mark_modified(self, user: CognitoIdpUser) -> None:
        """Set UserLastModifiedDate to the time of the clock. moto's dates are in UTC, without a time zone."""
        user.last_modified_date = datetime.fromtimestamp(self._now(), UTC).replace(tzinfo=None)

    def find(self, name: str, *, accepts_sub: bool = False) -> CognitoIdpUser | None:
        """Return the user with this username, or with this email address or phone number if the pool allows it.

        With `accepts_sub`, also the local user with this `sub`. None if there is no such user.
        """
        by_username = self.find_by_username(name)
        if by_username is not None:
            return by_username
        config = self._pool.extended_config
        for attribute in config.get("UsernameAttributes") or ():
            for user in self.find_all(attribute, name):
                if not is_external(user):
                    return user
        aliases = (self.find_by_alias(attribute, name) for attribute in config.get("AliasAttributes") or ())
        by_alias = next((user for user in aliases if user is not None), None)
        by_sub = self.find_by_sub(name) if accepts_sub and by_alias is None else None
        return by_alias if by_sub is None or is_external(by_sub) else by_sub

    def find_by_username(self, username: str) -> CognitoIdpUser | None:
        """Return the user with this username, or None."""
        return self.get(username) or next(iter(self.find_all("username", username)), None)

    def find_by_alias(self, attribute: str, value: str) -> CognitoIdpUser | None:
        """Return the local user who may sign in with this alias, or None.

        An address must be verified: otherwise users could claim any address.
        """
        if attribute not in (self._pool.extended_config.get("AliasAttributes") or ()):
            return None
        for user in self.find_all(attribute, value):
            is_verified = user.attribute_lookup.get(f"{attribute}_verified", "").lower() == "true"
            if (is_verified or attribute == "preferred_username") and not is_external(user):
                return user
        return None

    def find_by_sub(self, sub: str) -> CognitoIdpUser | None:
        """Return the user with this `sub`, or None."""
        return next(iter(self.find_all("sub", sub)), None)

    def find_by_identity(self, provider: str, subject: str) -> CognitoIdpUser | None:
        """Return the user whose attribute `identities` has this subject of an identity provider, or None."""
        return next(iter(self.find_all("identity", f"{provider} {subject}")), None)

    def find_all(self, attribute: str, value: str) -> Collection[CognitoIdpUser]:
        """Return the users with this value of `username`, `identity` or an indexed attribute, in the pool's case."""
        return self._users_by_key.get(self._key(attribute, value), ())

    def read_page(
        self,
        after: int,
        limit: int,
        matches: Callable[[CognitoIdpUser], bool],
        candidates: Collection[CognitoIdpUser] | None = None,
    ) -> tuple[list[CognitoIdpUser], int]:
        """Return up to `limit` users after a position, and the position to continue at: 0 if no user follows.

        `candidates` are the only users that can match; None means all.
        """
        positions = self._positions if candidates is None else sorted(self._position_of[user] for user in candidates)
        users: list[CognitoIdpUser] = []
        for index in range(bisect_right(positions, after), len(positions)):
            user = self._user_at[positions[index]]
            if matches(user):
                if len(users) == limit:
                    return users, self._position_of[users[-1]]
                users.append(user)
        return users, 0

    def _add_to_indexes(self, user: CognitoIdpUser) -> None:
        for key in self._keys(user):
            self._users_by_key.setdefault(key, []).append(user)

    def _remove_from_indexes(self, user: CognitoIdpUser) -> None:
        for key in self._keys(user):
            users = self._users_by_key[key]
            users.remove(user)
            if not users:
                del self._users_by_key[key]

    def _keys(self, user: CognitoIdpUser) -> Iterator[_Key]:
        yield self._key("username", user.username)
        for attribute in _INDEXED_ATTRIBUTES:
            if value := user.attribute_lookup.get(attribute):
                yield self._key(attribute, value)
        for provider, subject in identities_of(user):
            yield "identity", f"{provider} {subject}"

    def _key(self, attribute: str, value: str) -> _Key:
        is_folded = not self.is_case_sensitive and attribute in _CASE_INSENSITIVE
        return attribute, value.lower() if is_folded else value


def is_external(user: CognitoIdpUser) -> bool:
    """Return whether an identity provider signs the user in. moto has no such status."""
    return bool(user.status == EXTERNAL)


def identities_of(user: CognitoIdpUser) -> list[tuple[str, str]]:
    """Return the provider and subject of each identity of the user. Users cannot change the attribute."""
    raw = user.attribute_lookup.get("identities")
    if not raw:
        return []
    try:
        items = json.loads(raw)
        return [(str(item["providerName"]), str(item["userId"])) for item in items]
    except (ValueError, TypeError, KeyError):  # the seed may contain any value
        return []
