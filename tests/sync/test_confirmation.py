"""A run writes only the users whose entry has changed, and what it confirms counts as of the run all the same."""

import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from itertools import chain, pairwise
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from django_cognito.authorization.confirmed_moments import set_confirmed_moments
from django_cognito.authorization.explanation import UserRights
from django_cognito.authorization.group_expiry import expire_remembered_groups
from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.models import CognitoConfirmation, CognitoSync, CognitoUser
from django_cognito.sync import bring_in, sync_pool
from django_cognito.sync.confirmation import Confirmation
from django_cognito.sync.errors import SyncError
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate
from tests.support.cases import cases
from tests.support.scenarios.users import django_groups
from tests.support.statements import is_write
from tests.sync.scenarios import FAST, get_moment, pass_an_hour, write_token

pytestmark = pytest.mark.django_db


def run(**options: Any) -> Any:
    """Read the whole pool, with groups."""
    return sync_pool(create=True, **{"groups": True, **FAST, **options})


def count_writes(call: Callable[[], object]) -> int:
    """Return the number of statements that write links, users or groups."""
    with CaptureQueriesContext(connection) as queries:
        call()
    statements = [query["sql"] for query in queries if is_write(query["sql"])]
    # The run holds its pool; on SQLite a transaction becomes a writer by an UPDATE of no row.
    others = "cognitosync", "cognitoconfirmation", "1 = 0"
    return sum(not any(text in sql for text in others) for sql in statements)


def link_of(username: str = "user0") -> CognitoUser:
    return CognitoUser.objects.get(username=username)


# What a run writes


def test_run_without_changes_writes_no_row(create_pool) -> None:
    create_pool(130, {"editors": [0, 65]})
    assert count_writes(run) > 0
    before = list(CognitoUser.objects.order_by("pk").values())
    pass_an_hour()
    assert count_writes(lambda: run(deactivate_missing=True)) == 0
    pass_an_hour()
    assert count_writes(run) == 0
    hour = timedelta(hours=2)
    assert [row["as_of"] + hour for row in CognitoUser.objects.order_by("pk").values()] == [
        row["as_of"] for row in before
    ]
    assert CognitoConfirmation.objects.get().confirmed_at > get_moment(minutes=30)


def test_only_users_who_changed_are_written(create_pool) -> None:
    directory = create_pool(130, {"editors": [0, 65], "admins": [3]})
    run()
    pass_an_hour()
    directory.changes = {7: {"given_name": "Grace"}, 100: {"custom:unmapped": "x"}}
    directory.groups = {"editors": [65], "admins": [3, 4]}
    as_of = {link.username: link.as_of for link in CognitoUser.objects.all()}
    assert run().changed == 3
    assert User.objects.get(username="user7").first_name == "Grace"
    assert not django_groups(User.objects.get(username="user0"))
    assert set(User.objects.filter(is_staff=True).values_list("username", flat=True)) == {"user3", "user4"}
    moved = {link.username for link in CognitoUser.objects.all() if link.as_of != as_of[link.username]}
    assert moved == {"user0", "user4", "user7", "user100"}
    pass_an_hour()
    assert count_writes(run) == 0


SETTINGS: dict[str, dict[str, Any]] = {
    "grants": {"GROUPS": {"editors": {"groups": ["Readers"]}}},
    "attributes": {"ATTRIBUTES": {"last_name": "given_name"}},
    "mirrored groups": {"MIRROR_GROUPS": True},
}


@pytest.mark.parametrize("change", SETTINGS)
def test_run_after_a_change_of_settings_writes_the_users(create_pool, cognito, change) -> None:
    create_pool(3, {"editors": [0]})
    run()
    pass_an_hour()
    cognito(**SETTINGS[change])
    assert run().changed == 3
    pass_an_hour()
    assert (run().changed, count_writes(run)) == (0, 0)


def test_group_that_was_removed_from_the_pool_counts_no_longer(create_pool) -> None:
    """No entry of a user changes: the members of a group that grants nothing are not listed."""
    directory = create_pool(1, {"editors": [0], "gardeners": [0]})
    run()
    pass_an_hour()
    write_token(get_moment(minutes=5), "editors", "gardeners")
    run()
    pass_an_hour()
    del directory.groups["gardeners"]
    run()
    assert link_of().groups == ["editors"]


def first_name(claims: Any) -> str:
    """Return a value that depends on more than the claims."""
    return f"{claims.get('given_name', '')} {first_name.suffix}"  # type: ignore[attr-defined]


def test_users_with_a_function_in_attributes_are_compared_in_full(create_pool, cognito) -> None:
    create_pool(2)
    cognito(ATTRIBUTES={"first_name": first_name})
    for suffix in ("one", "two"):
        first_name.suffix = suffix  # type: ignore[attr-defined]
        assert run().changed == 2
        assert User.objects.get(username="user1").first_name == f"Name1 {suffix}"
        pass_an_hour()
    assert set(CognitoUser.objects.values_list("listed_digest", flat=True)) == {""}


def test_rights_that_are_to_be_granted_again_are(create_pool) -> None:
    create_pool(2, {"editors": [0], "admins": [1]})
    run()
    pass_an_hour()
    Group.objects.get(name="Writers").delete()
    other = User.objects.create(username="other")
    moved = link_of("user1")
    moved.user = other
    moved.save()
    pass_an_hour()
    run()
    assert django_groups(User.objects.get(username="user0")) == {"Writers"}
    assert User.objects.get(pk=other.pk).is_staff


@pytest.mark.parametrize("groups_claim", ["cognito:groups", "custom:groups"])
def test_groups_that_expired_are_granted_by_the_next_run(create_pool, cognito, groups_claim) -> None:
    directory = create_pool(1, {"editors": [0]})
    directory.changes[0] = {"custom:groups": "editors"}
    cognito(REMEMBERED_GROUPS_SECONDS=90_000, GROUPS_CLAIM=groups_claim)
    run()
    for _ in range(30):
        pass_an_hour()
    user = User.objects.get()
    expire_remembered_groups(user)
    assert not django_groups(user)
    run()
    assert django_groups(user) == {"Writers"}


def test_remembered_groups_get_a_moment_in_each_quarter_of_their_time(create_pool, cognito) -> None:
    quarter = 25_000
    cognito(REMEMBERED_GROUPS_SECONDS=4 * quarter)
    start = get_moment()
    numbers = range(200)
    users = [DirectoryUser(f"sub-{number}", f"u{number}", {}, True, "CONFIRMED", start, start) for number in numbers]
    begun = []
    for part in range(9):
        moment = start + timedelta(seconds=quarter / 4 * part)
        claims, _ = Confirmation(get_settings(), moment).select_changed(users, None, moment)
        begun.append([claim.listed_digest for claim in claims])
    changes = [[number for number in numbers if later[number] != earlier[number]] for earlier, later in pairwise(begun)]
    for halves in (changes[:4], changes[4:]):
        assert sorted(chain.from_iterable(halves)) == list(numbers)
    assert all(len(changed) > 20 for changed in changes)  # not all users in one run


def test_groups_without_an_age_have_no_periods(create_pool, cognito) -> None:
    cognito(REMEMBERED_GROUPS_SECONDS=None)
    create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    assert count_writes(run) == 0


# Tokens beside runs


def test_token_from_before_a_run_changes_nothing(create_pool) -> None:
    """The user was added to the group and removed from it between two runs; the token is from that time."""
    create_pool(2, {"editors": [0]})
    run()
    pass_an_hour()
    run()
    moment = get_moment(minutes=30)
    link = write_token(moment, "editors", "admins")
    assert (link.groups, link.as_of) == (["editors"], CognitoConfirmation.objects.get().confirmed_at)
    assert not User.objects.get(username="user0").is_staff
    assert link_of().as_of == link.as_of  # the next token of this time needs no lock
    assert count_writes(lambda: write_token(moment, "editors", "admins")) == 0
    write_token(moment, "admins", username="user1")
    assert not User.objects.get(username="user1").is_staff
    pass_an_hour()
    assert count_writes(run) == 0


def test_id_token_from_before_a_run_changes_no_attribute(create_pool) -> None:
    create_pool(1)
    run(groups=False)
    pass_an_hour()
    run(groups=False)
    options: Any = {"digest_field": "id_digest", "groups": None, "attributes": {"first_name": "Old"}}
    write_token(get_moment(minutes=30), **options)
    assert User.objects.get().first_name == "Name0"
    write_token(get_moment(seconds=5), **options)
    assert User.objects.get().first_name == "Old"


def test_run_without_groups_confirms_no_groups(create_pool) -> None:
    create_pool(1)
    run(groups=False)
    pass_an_hour()
    run(groups=False)
    write_token(get_moment(minutes=30), "admins")
    assert User.objects.get().is_staff


def test_later_token_counts_until_the_next_run(create_pool) -> None:
    create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    run()
    write_token(get_moment(seconds=5), "admins")
    assert User.objects.get().is_staff
    pass_an_hour()
    assert run().changed == 1
    assert (User.objects.get().is_staff, link_of().groups) == (False, ["editors"])


def test_later_id_token_counts_until_the_next_run(create_pool) -> None:
    create_pool(1)
    run()
    pass_an_hour()
    run()
    write_token(get_moment(seconds=5), digest_field="id_digest", groups=None, attributes={"first_name": "Grace"})
    assert User.objects.get().first_name == "Grace"
    pass_an_hour()
    assert run().changed == 1
    assert User.objects.get().first_name == "Name0"


@pytest.mark.parametrize("groups_claim", ["cognito:groups", "custom:groups"])
@pytest.mark.parametrize(
    ("source", "name"),
    [({}, "Name0"), ({"attributes": {"first_name": "Grace"}, "digest_field": "id_digest"}, "Grace")],
    ids=["groups", "attributes"],
)
def test_run_beside_a_later_token_is_made_up_for_by_the_next_one(
    create_pool, cognito, groups_claim, source, name
) -> None:
    directory = create_pool(1, {"editors": [0]})
    directory.changes[0] = {"custom:groups": "editors"}
    cognito(GROUPS_CLAIM=groups_claim)
    run()
    pass_an_hour()
    write_token(get_moment(seconds=5), "admins", **source)
    run()  # its moment is a minute ago
    assert (link_of().groups, User.objects.get().first_name) == (["admins"], name)
    pass_an_hour()
    run()
    assert (link_of().groups, User.objects.get().first_name) == (["editors"], "Name0")


def test_what_a_run_with_groups_confirmed_stays_after_one_without(create_pool) -> None:
    directory = create_pool(2, {"editors": [0, 1]})
    run()
    pass_an_hour()
    run()
    confirmed_at = CognitoConfirmation.objects.get().confirmed_at - timedelta(hours=1)
    pass_an_hour()
    directory.changes[0] = {"given_name": "Grace"}
    run(groups=False)
    assert set(CognitoUser.objects.values_list("as_of", flat=True)) == {confirmed_at}
    write_token(confirmed_at - timedelta(minutes=5), "admins")
    write_token(confirmed_at - timedelta(minutes=5), "admins", username="user1")
    assert not User.objects.filter(is_staff=True).exists()


def test_token_that_states_the_same_costs_no_write_of_the_next_run(create_pool) -> None:
    create_pool(1, {"editors": [0]})
    run()
    write_token(get_moment(seconds=5), "editors")  # the first one of its kind is written
    pass_an_hour()
    run()
    pass_an_hour()
    write_token(get_moment(seconds=4), "editors")
    assert count_writes(run) == 0
    pass_an_hour()
    write_token(get_moment(minutes=30), "admins")
    assert User.objects.get().is_staff  # later than what is an hour old


def test_user_whom_a_run_did_not_list_is_not_confirmed(create_pool) -> None:
    directory = create_pool(3)
    run()
    pass_an_hour()
    run()
    pass_an_hour()
    moment = CognitoConfirmation.objects.get().confirmed_at
    directory.deleted = {0}
    assert run().users == 2
    assert link_of().as_of == moment
    write_token(get_moment(minutes=90), "admins")
    assert not User.objects.get(username="user0").is_staff
    write_token(get_moment(minutes=30), "admins")
    assert User.objects.get(username="user0").is_staff


@pytest.mark.parametrize("end", ["stopped", "dry run"])
def test_run_that_is_not_complete_confirms_nothing(create_pool, end) -> None:
    create_pool(130)
    run()
    pass_an_hour()
    before = CognitoConfirmation.objects.get().confirmed_at
    stop = threading.Event()
    with suppress(SyncError):
        run(stop=stop, on_progress=lambda report: stop.set()) if end == "stopped" else run(dry_run=True)
    assert CognitoConfirmation.objects.get().confirmed_at == before
    write_token(get_moment(minutes=30), "admins")
    assert User.objects.get(username="user0").is_staff


def test_run_that_lost_the_pool_confirms_nothing(create_pool) -> None:
    create_pool(1)
    run()
    pass_an_hour()
    before = CognitoConfirmation.objects.get().confirmed_at

    def take_over(report: Any) -> None:
        CognitoSync.objects.update(run_id="00000000-0000-4000-8000-000000000000")

    with pytest.raises(SyncError):
        run(on_progress=take_over)
    assert CognitoConfirmation.objects.get().confirmed_at == before


def test_run_by_a_clock_that_was_set_back_moves_no_moment_back(create_pool) -> None:
    directory = create_pool(1)
    run()
    later = get_moment() + timedelta(hours=1)
    CognitoConfirmation.objects.update(confirmed_at=later)
    directory.size = 2
    run()
    assert CognitoConfirmation.objects.get().confirmed_at == later
    assert write_token(get_moment(), "admins", username="user1").groups == ["admins"]


def test_older_token_during_a_run_has_no_lasting_effect(create_pool) -> None:
    """It comes after the user's page, and before the run is complete."""
    directory = create_pool(130, {"editors": [0, 1, 2]})
    run()
    write_token(get_moment(), "editors", username="user2")
    pass_an_hour()
    run()
    pass_an_hour()
    late, moments = get_moment(seconds=5), []

    def write_tokens(report: Any) -> None:
        if report.phase == "users" and not moments:
            moments.append(report.users)
            write_token(get_moment(minutes=30), "admins")
            write_token(late, "admins", username="user1")
            write_token(get_moment(minutes=30), "editors", username="user2")

    run(on_progress=write_tokens)
    assert moments == [60]
    assert set(User.objects.filter(is_staff=True).values_list("username", flat=True)) == {"user1"}
    assert (link_of().groups, link_of("user1").as_of) == (["editors"], late)
    assert directory.requests["AdminGetUser"] == 2
    assert write_token(get_moment(minutes=20), "admins").groups == ["editors"]


def test_moments_that_a_run_confirmed_are_explained(create_pool) -> None:
    create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    run()
    (links,) = UserRights(User.objects.get()).links
    assert (links.as_of, links.source) == (CognitoConfirmation.objects.get().confirmed_at, "the directory")


def test_confirmed_moments_never_move_back(create_pool) -> None:
    create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    run()
    link = link_of()
    before = link.as_of, link.directory_digest
    assert set_confirmed_moments([link]) == [link]
    confirmed = link.as_of, link.directory_digest
    assert link.as_of > before[0]
    assert confirmed[1] != before[1]
    states: dict[str, dict[str, Any]] = {
        "never confirmed": {"listed_digest": ""},
        "more recent": {
            "as_of": get_moment(),
            "directory_digest": f"{int(get_moment().timestamp())}:{link.directory_digest.partition(':')[2]}",
        },
    }
    with cases() as case:
        for name, values in states.items():
            with case(name):
                changed = link_of()
                vars(changed).update(values)
                assert set_confirmed_moments([changed]) == []
    link.as_of, link.directory_digest = before
    link.listed_digest = link.listed_digest[:1]
    set_confirmed_moments([link])
    assert (link.as_of, link.directory_digest) == confirmed


# Rows that were edited, and settings that change and return


def test_run_corrects_a_row_that_was_edited(create_pool) -> None:
    create_pool(3, {"editors": [0, 2]})
    run()
    pass_an_hour()
    CognitoUser.objects.filter(username="user0").update(groups=[])
    CognitoUser.objects.filter(username="user1").update(username="other")
    run()
    assert names_with_groups() == {"user0": ["editors"], "user1": [], "user2": ["editors"]}


def names_with_groups() -> dict[str, list[str]]:
    return dict(CognitoUser.objects.values_list("username", "groups"))


def test_rights_under_other_settings_go_when_the_settings_return(create_pool, cognito) -> None:
    create_pool(1, {"editors": [0]})
    cognito(ATTRIBUTES={})
    run()
    pass_an_hour()
    groups = get_settings().groups
    cognito(GROUPS={"editors": {"superuser": True}})
    bring_in("user0")
    assert User.objects.get().is_superuser
    pass_an_hour()
    cognito(GROUPS={"editors": {"groups": ["Writers"]}, "admins": {"staff": True}})
    assert get_settings().groups == groups
    run()
    assert not User.objects.get().is_superuser


def test_username_of_another_claim_replaces_a_placeholder(create_pool, cognito) -> None:
    directory = create_pool(1)
    directory.changes = {0: {"nickname": "nick"}}
    cognito(USERNAME="preferred_username")
    run()
    assert link_of().placeholder_username
    pass_an_hour()
    cognito(USERNAME="nickname")
    assert run().changed == 1
    assert User.objects.get().username == "nick"


@pytest.mark.parametrize("is_deleted", [False, True])
def test_attribute_that_is_removed_after_a_group_was_is_cleared(create_pool, is_deleted) -> None:
    directory = create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    if is_deleted:
        Group.objects.get(name="Writers").delete()
    directory.changes[0] = {"given_name": "", "family_name": "", "email": "", "email_verified": "false"}
    run()
    assert User.objects.get().first_name == ""


def test_deleted_group_leaves_the_moment_of_attributes(create_pool) -> None:
    create_pool(1, {"editors": [0]})
    run()
    pass_an_hour()
    run()
    Group.objects.get(name="Writers").delete()
    write_token(get_moment(minutes=30), digest_field="id_digest", attributes={"first_name": "Old"})
    assert User.objects.get().first_name == "Name0"


@pytest.mark.parametrize("hours", [21, 26])
def test_groups_expire_by_the_moment_of_the_last_run(create_pool, cognito, hours) -> None:
    create_pool(1, {"editors": [0]})
    cognito(REMEMBERED_GROUPS_SECONDS=90_000)  # 25 hours
    run()
    for _ in range(5):
        pass_an_hour()
    run()
    for _ in range(hours):
        pass_an_hour()
    expire_remembered_groups(User.objects.get())
    assert django_groups(User.objects.get()) == ({"Writers"} if hours < 25 else set())
    write_token(get_moment(hours=hours + 2), "editors", "admins")  # two hours before the run
    assert not User.objects.get().is_staff


def test_profile_that_a_run_confirmed_is_not_requested(create_pool, cognito, cognito_keys) -> None:
    directory = create_pool(1)
    cognito(API_PROFILE_SOURCE="directory", API_PROFILE_SECONDS=5_400)
    for _ in range(2):
        run()
        pass_an_hour()
    link = link_of()
    authenticate(make_token(username="user0", sub=link.sub))
    assert directory.requests["AdminGetUser"] == 0
    pass_an_hour()
    authenticate(make_token(username="user0", sub=link.sub, origin_jti="another"))
    assert directory.requests["AdminGetUser"] == 1


# Two at once


@pytest.mark.needs("database_server")
@pytest.mark.django_db(transaction=True)
def test_request_that_outlasts_the_run_restores_nothing(create_pool) -> None:
    """With ATOMIC_REQUESTS. Its token is older than the run, which reads the user before the request ends."""
    create_pool(2, {"editors": [0]})
    run()
    pass_an_hour()
    is_written, may_end = threading.Event(), threading.Event()
    requests: list[threading.Thread] = []

    def handle_request() -> None:
        try:
            with transaction.atomic():
                write_token(get_moment(minutes=30), "editors", "admins")
                is_written.set()
                may_end.wait(60)
        finally:
            connection.close()

    def send_request(report: Any) -> None:
        if report.phase == "users":  # after the page; the end of the run waits for the request
            requests.append(threading.Thread(target=handle_request))
            requests[0].start()
            assert is_written.wait(60)
            threading.Timer(1, may_end.set).start()

    run(on_progress=send_request)
    requests[0].join(60)
    assert not User.objects.get(username="user0").is_staff
    assert link_of().groups == ["editors"]


def test_run_that_another_one_took_over_writes_no_page(create_pool) -> None:
    create_pool(130)

    def take_over(report: Any) -> None:
        CognitoSync.objects.update(run_id="00000000-0000-4000-8000-000000000000")

    with pytest.raises(SyncError) as raised:
        run(on_progress=take_over, groups=False)
    assert (raised.value.code, CognitoUser.objects.count()) == ("sync_lost", 60)
