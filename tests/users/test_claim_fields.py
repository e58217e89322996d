"""A missing attribute clears a field only if the field still has the value that a claim had set, of this link alone."""

from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models import Value
from django.db.models.functions import Upper
from django.db.models.signals import pre_save
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cognito.conf.loading import get_settings
from django_cognito.models import CognitoUser
from django_cognito.users import UserAdapter, linking
from django_cognito.users.attributes.claim_sources import IdentityClaims
from django_cognito.users.writing.bulk_provisioning import update_users
from django_cognito.users.writing.provisioning import link_to_user
from tests.support.scenarios.users import directory_claims, link, link_of
from tests.support.sizes import choose_size

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
NAMES = {"given_name": "Ada", "family_name": "Byron"}
VERIFIED = {"email": "new@example.com", "email_verified": "true"}


@pytest.fixture(params=["page", "single users"])
def write(request: pytest.FixtureRequest) -> Any:
    """`write(at, given_name="Ada")`: claims of the directory about alice, on a page with another user or alone."""

    def write_claims(at: int, username: str = "alice", **attributes: str) -> None:
        others = ["bob"] if request.param == "page" else []
        page = [directory_claims(at=at, username=name, **attributes) for name in (username, *others)]
        update_users(page, create=username == "alice")

    return write_claims


def alice() -> User:
    return User.objects.get(username="alice")


def last_name() -> str:
    return alice().last_name


def set_last_name(value: str) -> None:
    """Change the last name as an administrator does, of all users."""
    User.objects.update(last_name=value)


class TitleAdapter(UserAdapter):
    """Writes names in another form, at each change."""

    def after_sync(self, user: Any, identity: IdentityClaims, *, is_new: bool) -> None:
        user.last_name = user.last_name.upper()


class FirstNameAdapter(UserAdapter):
    """Sets the last name of new users to a value of the site."""

    def fill_user(self, user: Any, identity: IdentityClaims) -> None:
        user.last_name = "of the site"


class ExpressionAdapter(UserAdapter):
    """Sets the last name to an expression of the database."""

    def after_sync(self, user: Any, identity: IdentityClaims, *, is_new: bool) -> None:
        user.last_name = Upper(Value("Byron")) if identity.claims.get("family_name") and not is_new else user.last_name


def test_value_that_an_admin_entered_over_a_claim_stays(write) -> None:
    write(0, **NAMES)
    set_last_name("King")
    write(1, given_name="Ada")
    assert last_name() == "King"
    assert sorted(link_of(alice()).claim_fields) == ["first_name"]


def test_claim_that_replaces_the_value_of_an_admin_is_cleared(write) -> None:
    write(0, **NAMES)
    set_last_name("King")
    write(1, **NAMES, email="a@example.com")  # a changed source is written with all its attributes
    assert last_name() == "Byron"
    write(2, given_name="Ada")
    assert last_name() == ""


def test_value_of_the_claim_that_an_admin_enters_is_cleared(write) -> None:
    """It cannot be distinguished: only a digest of the value is stored."""
    write(0, **NAMES)
    set_last_name("King")
    set_last_name("Byron")
    write(1, given_name="Ada")
    assert last_name() == ""


def test_refused_claim_over_the_value_of_an_admin_is_not_recorded(write, cognito) -> None:
    cognito(ATTRIBUTES={"email": "email", "first_name": "given_name"})
    write(0, email="a@example.com", given_name="Ada")
    User.objects.update(email="admin@example.com")
    write(1, email="no address", given_name="Augusta")
    assert sorted(link_of(alice()).claim_fields) == ["first_name"]
    User.objects.update(email="a@example.com")
    write(2, given_name="Augusta")
    assert alice().email == "a@example.com"


def test_refused_claim_over_the_value_of_a_claim_is_cleared(write) -> None:
    write(0, email="a@example.com")
    write(1, email="no address")
    assert alice().email == "a@example.com"
    write(2)
    assert alice().email == ""


@pytest.mark.parametrize(
    "second", [{"email": "other@example.com"}, {"email": "new@example.com"}], ids=["other", "same"]
)
def test_email_of_a_second_link_stays_when_the_first_loses_it(write, second) -> None:
    write(0, **VERIFIED)
    link(alice(), "google")
    write(1, "google", **{**VERIFIED, **second})
    write(2)
    assert alice().email == second["email"]
    write(3, "google")
    assert alice().email == ""


def test_value_of_two_links_is_cleared_when_both_have_lost_it(write) -> None:
    write(0, **VERIFIED)
    link(alice(), "google")
    write(1, "google", **VERIFIED)
    write(2, "google")
    assert alice().email == "new@example.com"
    write(3)
    assert alice().email == ""


def test_value_of_a_removed_link_stays(write) -> None:
    write(0, **NAMES)
    link(alice(), "google")
    write(1, "google", given_name="Ada", family_name="King")
    linking.unlink(alice(), CognitoUser.objects.get(username="google").pk)
    write(2)
    assert last_name() == "King"


def test_value_that_the_adapter_changes_is_cleared(write, cognito) -> None:
    cognito(USER_ADAPTER=f"{__name__}.TitleAdapter")
    for at in (0, 2):  # a new user, and one who exists
        write(at, **NAMES)
        assert last_name() == "BYRON"
        write(at + 1, given_name="Ada")
        assert last_name() == ""


def test_value_that_the_adapter_gives_a_new_user_stays(write, cognito) -> None:
    cognito(USER_ADAPTER=f"{__name__}.FirstNameAdapter")
    write(0, **NAMES)
    write(1, given_name="Ada")
    assert last_name() == "of the site"


def test_expression_of_the_adapter_is_not_recorded_as_a_claim(write, cognito) -> None:
    cognito(USER_ADAPTER=f"{__name__}.ExpressionAdapter")
    for at in (0, 1):
        write(at, **NAMES, email=f"{at}@example.com")
    assert last_name() == "BYRON"


def test_value_that_a_save_changes_is_cleared(user_from_token) -> None:
    def lower_name(instance: User, **_: Any) -> None:
        instance.last_name = instance.last_name.lower()

    pre_save.connect(lower_name, sender=User)
    try:
        for at in (-60, -40):
            assert user_from_token(profile=NAMES, at=at).last_name == "byron"
            assert user_from_token(profile={}, at=at + 10).last_name == ""
    finally:
        pre_save.disconnect(lower_name, sender=User)


def test_clearing_a_page_makes_one_query_more_than_changing_it() -> None:
    counts = []
    for size in (2, 6):
        for at, attributes in enumerate((NAMES, {**NAMES, "given_name": "Augusta"}, {"given_name": "Augusta"})):
            names = [f"user{size}{number}" for number in range(size)]
            page = [directory_claims(at=at, username=name, **attributes) for name in names]
            with CaptureQueriesContext(connection) as queries:
                update_users(page, create=True)
            counts.append(len(queries))
    assert counts[1:3] == counts[4:6] == [counts[1], counts[1] + 1]
    assert set(User.objects.values_list("first_name", "last_name")) == {("Augusta", "")}


def test_digest_does_not_contain_the_value(write) -> None:
    write(0, **NAMES)
    digest = link_of(alice()).claim_fields["last_name"]
    assert len(digest) == 16
    assert set(digest) <= set("0123456789abcdef")


class Page(NamedTuple):
    """What the directory states about the last names of the two links of each user; empty: no attribute."""

    together: bool  # in one page, otherwise one by one
    names: dict[str, str]  # by link


class Account:
    """The oracle: the last name of a user with two links, by the rules of docs/custom-users.md and nothing else."""

    def __init__(self) -> None:
        self.name = ""
        self.stated = dict.fromkeys("ab", "")  # what the most recent claims of each link state
        self.has_set = dict.fromkeys("ab", "")  # the name that each link has set, until its claim is missing

    def apply(self, name: str, value: str) -> None:
        """Apply claims of the link `name`. Claims that are unchanged are not written."""
        if value == self.stated[name]:
            return
        self.stated[name] = value
        if value:
            self.name = self.has_set[name] = value
            return
        own, self.has_set[name] = self.has_set[name], ""
        if self.name == own and own not in self.has_set.values():
            self.name = ""


VALUES = st.sampled_from(["Byron", "King", ""])
PAGES = st.builds(Page, st.booleans(), st.dictionaries(st.sampled_from("ab"), VALUES, min_size=1))


@settings(max_examples=choose_size(25, 500), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example([Page(True, {"a": "Byron", "b": "Byron"}), Page(True, {"a": ""}), Page(True, {"b": ""})])
@example([Page(True, {"a": "Byron"}), Page(True, {"b": "King"}), Page(True, {"a": ""}), Page(True, {"b": ""})])
@example([Page(True, {"a": "Byron", "b": "Byron"}), "King", Page(True, {"a": "", "b": ""})])
@given(st.lists(PAGES | PAGES | VALUES, min_size=1, max_size=8))
def test_histories_of_two_links_match_the_oracle(cognito_keys, history) -> None:
    """A history has pages, and last names that an administrator gives to the first of two users."""
    CognitoUser.objects.all().delete()
    User.objects.all().delete()
    accounts = {number: Account() for number in "12"}
    update_users([directory_claims(username=f"a{number}") for number in accounts], create=True)
    for number in accounts:
        user = CognitoUser.objects.get(username=f"a{number}").user
        link_to_user(directory_claims(username=f"b{number}"), user, get_settings())
    for at, event in enumerate(history, start=1):
        if isinstance(event, str):
            User.objects.filter(username="a1").update(last_name=event)
            accounts["1"].name = event
            continue
        claims = [
            directory_claims(at=at, username=f"{name}{number}", **({"family_name": value} if value else {}))
            for name, value in sorted(event.names.items())
            for number in accounts
        ]
        for page in [claims] if event.together else [[item] for item in claims]:
            update_users(page)
        for name, value in sorted(event.names.items()):
            for account in accounts.values():
                account.apply(name, value)
        stored = dict(User.objects.values_list("username", "last_name"))
        assert stored == {f"a{number}": account.name for number, account in accounts.items()}, history
