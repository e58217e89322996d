"""Pages of directory users, tokens and edits of admins in any order, compared with an oracle after each of them."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import Group, User
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users import bulk_provisioning, provisioning
from django_cognito.users.claim_sources import IdentityClaims, Source, claims_from_directory
from tests.support.sizes import choose_size

pytestmark = pytest.mark.django_db
START = datetime(2026, 1, 1, tzinfo=UTC)
GRANTS = {"editors": {"Writers", "Readers"}, "viewers": {"Readers"}, "admins": {"is_staff", "is_superuser"}}
SETTINGS = {
    "editors": {"groups": ["Writers", "Readers"]},
    "viewers": {"groups": ["Readers"]},
    "admins": {"staff": True, "superuser": True},
}


class Claims(NamedTuple):
    """What a page of the directory, or an access token (without a name), states about each of some users."""

    is_page: bool
    moment: int
    users: Mapping[int, tuple[frozenset[str], str]]  # by number: groups and first name


class Edit(NamedTuple):
    """An admin gives a right to a user or takes it away, or renames the user."""

    user: int
    right: str  # a Django group, a flag, or "first_name"
    value: Any


@dataclass
class Account:
    """The oracle: the state of one user after a history, by the rules of docs/groups.md and nothing else."""

    groups: frozenset[str] = frozenset()
    as_of: int = -1
    rights: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)  # of `rights`: those that Cognito's groups granted
    name: str = ""
    name_as_of: int = -1
    stated_name: str | None = None
    sources: set[str] = field(default_factory=set)  # the kinds whose claims were applied

    def apply(self, moment: int, groups: frozenset[str], name: str | None) -> None:
        before = self.groups
        source = "access" if name is None else "directory"
        # The first claims of a kind grant again what the groups grant, as those after a change of the settings do.
        is_first = source not in self.sources and (name is not None or moment >= self.as_of)
        self.sources |= {source} if is_first else set()
        if moment > self.as_of:
            self.groups, self.as_of = groups, moment
        elif moment == self.as_of:
            self.groups &= groups
        if self.groups != before or is_first:
            wanted = set().union(*(GRANTS[group] for group in self.groups))
            by_hand = self.rights - self.granted
            self.rights, self.granted = by_hand | wanted, wanted - by_hand
        if name is not None and moment > self.name_as_of:
            if name != self.stated_name:
                self.name = self.stated_name = name
            self.name_as_of = moment

    def edit(self, right: str, value: Any) -> None:
        if right == "first_name":
            self.name = value
        elif value:
            self.rights.add(right)
        else:
            self.rights.discard(right)


def write_claims(prefix: str, event: Claims) -> None:
    """Write a page in one call, or one token for each user."""
    moment = START + timedelta(seconds=event.moment)
    page = []
    for number, (groups, name) in event.users.items():
        username = f"{prefix}-{number}"
        if event.is_page:
            attributes = {"sub": username, "given_name": name}
            user = DirectoryUser(username, username, attributes, True, "CONFIRMED", moment, moment)
            page.append(claims_from_directory(user, sorted(groups), moment, get_settings()))
        else:
            source = Source("access_digest", moment, tuple(sorted(groups)), {})
            claims = IdentityClaims(get_settings().user_pool_id, username, username, (source,))
            provisioning.get_or_create_link(claims, get_settings())
    bulk_provisioning.update_users(page, create=True)


def edit_user(username: str, right: str, value: Any) -> bool:
    """Change the user as an admin does; return False if there is no user yet."""
    user = User.objects.filter(username=username).first()
    if user is None:
        return False
    if right in ("first_name", "is_staff", "is_superuser"):
        setattr(user, right, value)
        user.save()
    else:
        group, _ = Group.objects.get_or_create(name=right)
        (user.groups.add if value else user.groups.remove)(group)
    return True


def read_account(username: str) -> Account:
    """Return the stored state of a user."""
    link = CognitoUser.objects.get(username=username)
    user = User.objects.get(pk=link.user_id)
    flags = {"is_staff", "is_superuser"}
    memberships = CognitoMembership.objects.filter(cognito_user=link)
    assert {row.name for row in memberships} == set(link.groups)
    names = dict(Group.objects.values_list("pk", "name"))
    granted = {names[pk] for row in memberships for pk in row.granted_groups}
    granted |= {flag for row in memberships for flag in flags if getattr(row, flag.replace("is_", "granted_"))}
    return Account(
        groups=frozenset(link.groups),
        as_of=int((link.as_of - START).total_seconds()),
        rights=set(user.groups.values_list("name", flat=True)) | {flag for flag in flags if getattr(user, flag)},
        granted=granted,
        name=user.first_name,
    )


NUMBERS = st.integers(0, 3)
STATED = st.tuples(st.frozensets(st.sampled_from(sorted(GRANTS))), st.sampled_from(["Ada", "Grace"]))
CLAIMS = st.builds(Claims, st.booleans(), st.integers(0, 5), st.dictionaries(NUMBERS, STATED, min_size=1))
RIGHTS = st.sampled_from(["Writers", "Readers", "is_staff", "is_superuser"])
EDITS = st.builds(Edit, NUMBERS, RIGHTS, st.booleans()) | st.builds(
    Edit, NUMBERS, st.just("first_name"), st.just("Joan")
)


@settings(
    max_examples=choose_size(40, 1_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(
    history=[
        Claims(True, 0, {0: (frozenset(), "Ada"), 1: (frozenset({"viewers"}), "Ada")}),
        Edit(0, "Writers", True),
        Claims(True, 1, {0: (frozenset({"editors"}), "Ada"), 1: (frozenset({"admins"}), "Grace")}),
        Claims(True, 2, {0: (frozenset(), "Ada"), 1: (frozenset(), "Ada")}),
    ]
)
@given(history=st.lists(CLAIMS | CLAIMS | EDITS, min_size=1, max_size=8))
def test_pages_tokens_and_edits_match_the_oracle_at_each_step(history, cognito) -> None:
    cognito(GROUPS=SETTINGS)
    prefix = uuid.uuid4().hex
    accounts: dict[int, Account] = {}
    for event in history:
        if isinstance(event, Edit):
            if edit_user(f"{prefix}-{event.user}", event.right, event.value):
                accounts[event.user].edit(event.right, event.value)
            continue
        write_claims(prefix, event)
        for number, (groups, name) in event.users.items():
            account = accounts.setdefault(number, Account())
            account.apply(event.moment, groups, name if event.is_page else None)
        for number, account in accounts.items():
            stored = read_account(f"{prefix}-{number}")
            stored.name_as_of, stored.stated_name = account.name_as_of, account.stated_name
            stored.sources = account.sources
            # A right that an admin removed is recorded as granted until the groups change.
            assert stored == account, (number, history)
