"""The users and groups of a user pool as values. Does not depend on moto."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """A group of a user pool. A lower `precedence` comes first; None comes last."""

    name: str
    precedence: int | None = None
    role_arn: str | None = None


@dataclass(frozen=True)
class User:
    """A snapshot of a user in a user pool. `groups` are in order of precedence.

    `username` is immutable. If the pool uses email addresses as usernames, it equals `sub`.
    """

    pool_id: str
    sub: str
    username: str
    attributes: Mapping[str, str]
    enabled: bool
    status: str
    has_totp: bool
    memberships: tuple[Group, ...] = field(default=(), repr=False)

    @property
    def groups(self) -> tuple[str, ...]:
        """The names of the user's groups, in order of precedence."""
        return tuple(group.name for group in self.memberships)

    @property
    def must_change_password(self) -> bool:
        """Whether the password is temporary and must be changed at the next sign-in."""
        return self.status == "FORCE_CHANGE_PASSWORD"


def by_precedence(groups: "list[Group] | tuple[Group, ...]") -> tuple[Group, ...]:
    """Return `groups` in Cognito's order: by precedence, groups without one last; equal ones by name."""
    return tuple(sorted(groups, key=lambda group: (group.precedence is None, group.precedence or 0, group.name)))
