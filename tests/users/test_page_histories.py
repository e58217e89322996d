"""Pages of directory users, tokens and edits of admins in any order, compared with an oracle after each of them."""

import hashlib
import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import Any, NamedTuple

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoConfirmation, CognitoMembership, CognitoUser
from django_cognito.sync.confirmation import Confirmation
from django_cognito.sync.lock import SyncLock
from django_cognito.users.attributes.claim_sources import IdentityClaims, Source, claims_from_directory
from django_cognito.users.writing import bulk_provisioning, provisioning
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
    users: Mapping[int, tuple[frozenset[str], str]]  # by number: groups and first name; empty: the page has none


class Run(NamedTuple):
    """A complete run of `cognito_sync`, which lists these users and writes only those whose entry has changed."""

    moment: int
    users: Mapping[int, tuple[frozenset[str], str]]  # as in Claims


class Edit(NamedTuple):
    """An admin gives a right to a user or takes it away, or renames the user."""

    user: int
    right: str  # a Django group, a flag, or "first_name"
    value: Any


@dataclass
class Account:
    """The oracle: the state of one user after a history, by the rules of the guide and nothing else.

    They are in docs/groups.md and, for the name, in docs/custom-users.md and docs/data.md.
    """

    groups: frozenset[str] = frozenset()
    as_of: int = -1
    rights: set[str] = field(default_factory=set)
    granted: set[str] = field(default_factory=set)  # of `rights`: those that Cognito's groups granted
    name: str = ""
    name_as_of: int = -1
    stated_name: str | None = None
    digest: str | None = None  # of the last name that a claim has set, until that claim is missing
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
            if name and name != self.stated_name:
                self.name, self.digest = name, hash_value(name)
            elif not name:
                self.name = "" if self.digest == hash_value(self.name) else self.name
                self.digest = None
            self.stated_name, self.name_as_of = name, moment

    def edit(self, right: str, value: Any) -> None:
        if right == "first_name":
            self.name = value
        elif value:
            self.rights.add(right)
        else:
            self.rights.discard(right)


def hash_value(value: str) -> str:
    """Return a digest as docs/data.md describes it."""
    return hashlib.sha256(json.dumps(value).encode()).hexdigest()[:16]


def write_claims(prefix: str, event: Claims) -> None:
    """Write a page in one call, or one token for each user."""
    moment = START + timedelta(seconds=event.moment)
    page = []
    for number, (groups, name) in event.users.items():
        username = f"{prefix}-{number}"
        if event.is_page:
            attributes = {"sub": username, **({"given_name": name} if name else {})}
            user = DirectoryUser(username, username, attributes, True, "CONFIRMED", moment, moment)
            page.append(claims_from_directory(user, sorted(groups), moment, get_settings()))
        else:
            source = Source("access_digest", moment, tuple(sorted(groups)), {})
            claims = IdentityClaims(get_settings().user_pool_id, username, username, (source,))
            provisioning.get_or_create_link(claims, get_settings())
    bulk_provisioning.update_users(page, create=True)


def run_whole_pool(prefix: str, event: Run) -> None:
    """Write the listed users as a run does."""
    moment = START + timedelta(seconds=event.moment)
    users, groups = [], {}
    for number, (names, name) in event.users.items():
        username = f"{prefix}-{number}"
        attributes = {"sub": username, **({"given_name": name} if name else {})}
        users.append(DirectoryUser(username, username, attributes, True, "CONFIRMED", moment, moment))
        groups[username] = sorted(names)
    confirmation = Confirmation(get_settings(), moment)
    claims, _ = confirmation.select_changed(users, groups, moment)
    confirmation.add_written(bulk_provisioning.update_users(claims, create=True).listed)
    with SyncLock(get_settings().user_pool_id) as lock:
        assert confirmation.publish(lock, lock.renew) == []


def edit_user(username: str, right: str, value: Any) -> bool:
    """Change the user as an admin does; return False if there is no user yet."""
    user: Any = get_user_model().objects.filter(username=username).first()
    if user is None:
        return False
    if right == "profile.department":
        profile = type(user)._meta.get_field("profile").related_model
        profile.objects.update_or_create(user=user, defaults={"department": value})
    elif right in ("first_name", "is_staff", "is_superuser"):
        setattr(user, right, value)
        user.save()
    else:
        group, _ = Group.objects.get_or_create(name=right)
        (user.groups.add if value else user.groups.remove)(group)
    return True


def get_as_of(link: CognitoUser) -> datetime:
    """Return the moment of the groups as docs/data.md describes it."""
    run = CognitoConfirmation.objects.filter(user_pool_id=link.user_pool_id).first()
    is_confirmed = run is not None and run.confirmed_at is not None and link.listed_digest.startswith("g")
    return max(link.as_of, run.confirmed_at) if is_confirmed else link.as_of


def read_account(username: str, target: str) -> Account:
    """Return the stored state of a user."""
    link = CognitoUser.objects.get(username=username)
    user: Any = get_user_model().objects.get(pk=link.user_id)
    flags = {"is_staff", "is_superuser"}
    memberships = CognitoMembership.objects.filter(cognito_user=link)
    assert {row.name for row in memberships} == set(link.groups)
    names = dict(Group.objects.values_list("pk", "name"))
    granted = {names[pk] for row in memberships for pk in row.granted_groups}
    granted |= {flag for row in memberships for flag in flags if getattr(row, flag.replace("is_", "granted_"))}
    return Account(
        groups=frozenset(link.groups),
        as_of=int((get_as_of(link) - START).total_seconds()),
        rights=set(user.groups.values_list("name", flat=True)) | {flag for flag in flags if getattr(user, flag)},
        granted=granted,
        name=attrgetter(target)(user) if "." not in target or hasattr(user, "profile") else "",
        digest=link.claim_fields.get(target),
    )


NUMBERS = st.integers(0, 3)
STATED = st.tuples(st.frozensets(st.sampled_from(sorted(GRANTS))), st.sampled_from(["Ada", "Grace", ""]))
CLAIMS = st.builds(Claims, st.booleans(), st.integers(0, 5), st.dictionaries(NUMBERS, STATED, min_size=1))
RIGHTS = st.sampled_from(["Writers", "Readers", "is_staff", "is_superuser"])
NAMES = st.sampled_from(["Joan", "Ada", "Grace", ""])  # an admin may enter the name that a claim has too
RUNS = st.builds(Run, st.integers(0, 5), st.dictionaries(NUMBERS, STATED, min_size=1))
EDITS = st.builds(Edit, NUMBERS, RIGHTS, st.booleans()) | st.builds(Edit, NUMBERS, st.just("first_name"), NAMES)


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
@example(
    history=[
        Claims(True, 0, {0: (frozenset(), ""), 1: (frozenset(), "Ada")}),
        Edit(0, "first_name", "Joan"),
        Edit(1, "first_name", "Joan"),
        Claims(True, 1, {0: (frozenset(), ""), 1: (frozenset(), "")}),
        Claims(True, 2, {0: (frozenset(), "Ada"), 1: (frozenset(), "Ada")}),
    ]
)
@example(
    history=[
        Claims(True, 0, {0: (frozenset(), "Ada"), 1: (frozenset(), "Ada"), 2: (frozenset(), "Ada")}),
        Edit(0, "first_name", "Joan"),
        Edit(1, "first_name", "Joan"),
        Edit(1, "first_name", "Ada"),
        Claims(True, 1, {0: (frozenset(), ""), 1: (frozenset(), ""), 2: (frozenset(), "Ada")}),
        Edit(2, "first_name", ""),
        Claims(True, 2, {0: (frozenset(), "Ada"), 1: (frozenset(), "Ada"), 2: (frozenset(), "")}),
    ]
)
@given(history=st.lists(CLAIMS | CLAIMS | EDITS | RUNS, min_size=1, max_size=8))
def test_pages_tokens_and_edits_match_the_oracle_at_each_step(history, cognito) -> None:
    compare_with_oracle(history, cognito, "first_name")


def compare_with_oracle(history: Iterable[Claims | Edit | Run], cognito: Any, target: str) -> None:
    """Apply a history, and compare each user with the oracle after each of its events.

    `target` is the key of ATTRIBUTES for the name: a field of the user or of `user.profile`.
    """
    cognito(GROUPS=SETTINGS, ATTRIBUTES={target: "given_name"})
    prefix = uuid.uuid4().hex
    CognitoConfirmation.objects.all().delete()  # of an earlier history
    accounts: dict[int, Account] = {}
    for event in history:
        if isinstance(event, Edit):
            right = target if event.right == "first_name" else event.right
            if edit_user(f"{prefix}-{event.user}", right, event.value):
                accounts[event.user].edit(event.right, event.value)
            continue
        is_run = isinstance(event, Run)
        run_whole_pool(prefix, event) if isinstance(event, Run) else write_claims(prefix, event)
        for number, (groups, name) in event.users.items():
            account = accounts.setdefault(number, Account())
            account.apply(event.moment, groups, name if is_run or event.is_page else None)
        for number, account in accounts.items():
            stored = read_account(f"{prefix}-{number}", target)
            stored.name_as_of, stored.stated_name = account.name_as_of, account.stated_name
            stored.sources = account.sources
            # A right that an admin removed is recorded as granted until the groups change.
            assert stored == account, (number, history)


def test_page_without_a_name_is_not_replaced_by_an_older_one(cognito) -> None:
    history = [
        Claims(False, 5, {0: (frozenset(), "")}),
        Claims(True, 3, {0: (frozenset(), "")}),
        Claims(True, 2, {0: (frozenset(), "Ada")}),
    ]
    compare_with_oracle(history, cognito, "first_name")
