"""People of a user pool as values. Knows nothing of where they are kept."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Group:
    """A group of a user pool; the lowest `precedence` stands first, none stands last."""

    name: str
    precedence: int | None = None
    role_arn: str | None = None


@dataclass(frozen=True)
class Person:
    """Somebody in a user pool, as they were when asked for. `groups` stand in order of precedence.

    `username` is the immutable one: in a pool whose people sign in with their e-mail address it equals `sub`.
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
        """The names of the person's groups, in order of precedence."""
        return tuple(group.name for group in self.memberships)

    @property
    def must_change_password(self) -> bool:
        """Whether the password was given by somebody else and must be replaced at the next sign-in."""
        return self.status == "FORCE_CHANGE_PASSWORD"


def by_precedence(groups: "list[Group] | tuple[Group, ...]") -> tuple[Group, ...]:
    """`groups` in Cognito's order: by precedence, those without one last; equals by name."""
    return tuple(sorted(groups, key=lambda group: (group.precedence is None, group.precedence or 0, group.name)))
