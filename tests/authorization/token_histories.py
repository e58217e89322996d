"""Histories of tokens, and an oracle that computes the expected state without the code under test.

Must not import models: settings import GROUPS.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

GROUPS: Mapping[str, Mapping[str, object]] = {
    "editors": {"groups": ["Writers", "Readers"]},
    "viewers": {"groups": ["Readers"]},
    "admins": {"staff": True, "superuser": True},
    "helpers": {"staff": True},
}
NAMES = tuple(GROUPS)


class Event(NamedTuple):
    """A token or a directory call: its moment, source and groups (None: without a groups claim)."""

    moment: int
    source: str  # "access", "id" or "directory"
    groups: frozenset[str] | None


class State(NamedTuple):
    """The stored state of a user with one link."""

    groups: frozenset[str]
    as_of: int
    staff: bool
    superuser: bool
    django_groups: frozenset[str]
    memberships: frozenset[str]


def expected_state(events: Iterable[Event]) -> State:
    """Return the state after `events` in any order: the most recent moment decides."""
    groups_by_moment = [(event.moment, event.groups) for event in events if event.groups is not None]
    latest = max(moment for moment, _ in groups_by_moment)
    groups = frozenset.intersection(*(groups for moment, groups in groups_by_moment if moment == latest))
    return State(groups, latest, *expected_grants(groups), groups)


def expected_grants(groups: Iterable[str]) -> tuple[bool, bool, frozenset[str]]:
    """Return staff, superuser and the Django groups that GROUPS grants."""
    names = set(groups)
    django_groups = {"Writers", "Readers"} if "editors" in names else {"Readers"} if "viewers" in names else set()
    return bool(names & {"admins", "helpers"}), "admins" in names, frozenset(django_groups)


def stored_state(username: str) -> State:
    """Return the stored state of the user with the Cognito username `username`."""
    from django.contrib.auth.models import User

    from django_cognito.models import CognitoMembership, CognitoUser

    link = CognitoUser.objects.get(username=username)
    user = User.objects.get(pk=link.user_id)
    return State(
        frozenset(link.groups),
        int(link.as_of.timestamp()),
        user.is_staff,
        user.is_superuser,
        frozenset(user.groups.values_list("name", flat=True)),
        frozenset(CognitoMembership.objects.filter(cognito_user=link).values_list("name", flat=True)),
    )
