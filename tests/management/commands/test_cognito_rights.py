"""`manage.py cognito_rights`: explains rights, and shows what changed GROUPS would change. It writes nothing."""

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, Permission, User
from django.core.management import CommandError, call_command
from django.utils import timezone

from django_cognito.models import CognitoMembership, CognitoUser
from django_cognito.users.writing import bulk_provisioning
from tests.support.scenarios.users import GROUPS, directory_claims, link, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("mapped")]


def run(*arguments: Any, **options: Any) -> str:
    output = StringIO()
    call_command("cognito_rights", *map(str, arguments), stdout=output, **options)
    return output.getvalue().strip()


def permission(name: str) -> Permission:
    app_label, _, codename = name.partition(".")
    return Permission.objects.get(content_type__app_label=app_label, codename=codename)


def lines_after(text: str, heading: str) -> list[str]:
    """Return the lines below `heading` that are indented deeper than it."""
    lines = text.splitlines()
    start = lines.index(heading)
    depth = len(heading) - len(heading.lstrip())
    below = []
    for line in lines[start + 1 :]:
        if len(line) - len(line.lstrip()) <= depth:
            break
        below.append(line.strip())
    return below


def test_each_right_has_its_group_and_setting(user_from_token: Any) -> None:
    user = user_from_token("editors", "helpers", "strangers")
    user.user_permissions.add(permission("auth.delete_group"))
    Group.objects.get(name="Readers").permissions.add(permission("auth.view_permission"))
    by_hand = Group.objects.create(name="By hand")
    by_hand.permissions.add(permission("auth.view_permission"))
    user.groups.add(by_hand)
    text = run("alice")
    assert text.splitlines()[0] == "alice"
    assert (
        f"groups: editors, helpers, strangers; as of {link_of(user).as_of:%Y-%m-%d %H:%M:%S} UTC, from an access token"
        in text
    )
    editors = "Cognito group 'editors' of 'default'"
    assert lines_after(text, "  flag is_staff") == ["Cognito group 'helpers' of 'default'"]
    assert lines_after(text, "  Django group Writers") == [editors]
    assert lines_after(text, "  Django group By hand") == ["given on this site, not by a Cognito group"]
    assert lines_after(text, "  permission auth.change_group") == [f"GROUPS, {editors}"]
    assert lines_after(text, "  permission auth.delete_group") == ["given to the user directly"]
    assert sorted(lines_after(text, "  permission auth.view_permission")) == [
        "Django group 'By hand', given on this site, not by a Cognito group",
        f"Django group 'Readers', {editors}",
    ]


@pytest.mark.parametrize(
    ("arrange", "source"),
    [
        (lambda user_from_token: user_from_token("editors", token_use="id"), "an ID token"),
        (
            lambda user_from_token: bulk_provisioning.update_users([directory_claims("editors")], create=True),
            "the directory",
        ),
    ],
    ids=["ID token", "directory"],
)
def test_source_of_the_groups_is_named(user_from_token: Any, arrange: Any, source: str) -> None:
    arrange(user_from_token)
    assert f"UTC, from {source}" in run("alice")


def test_control_characters_of_a_group_are_not_printed(user_from_token: Any) -> None:
    user_from_token("edit\x1b[2Jors\n  flag is_superuser")
    text = run("alice")
    assert "edit\\x1b[2Jors\\n  flag is_superuser" in text
    assert "  flag is_superuser" not in text.splitlines()


def test_json_has_the_same_rights(user_from_token: Any) -> None:
    user_from_token("viewers")
    value = json.loads(run("alice", "--json"))
    assert value["links"][0]["groups"] == ["viewers"]
    reasons = {right["name"]: right["reasons"] for right in value["rights"] if right["kind"] == "permission"}
    assert reasons == {"auth.view_group": ["GROUPS, Cognito group 'viewers' of 'default'"]}


def test_explained_permissions_are_those_of_django(user_from_token: Any) -> None:
    user = user_from_token("editors", "viewers")
    Group.objects.get(name="Readers").permissions.add(permission("auth.view_permission"))
    user.user_permissions.add(permission("auth.delete_group"))
    rights = json.loads(run("alice", "--json"))["rights"]
    fresh = get_user_model().objects.get(pk=user.pk)
    assert {right["name"] for right in rights if right["kind"] == "permission"} == fresh.get_all_permissions()


# One permission


def test_granted_permission_names_each_reason(user_from_token: Any) -> None:
    user_from_token("editors", "admins")
    assert run("alice", "--permission", "auth.change_group").splitlines() == [
        "alice has auth.change_group:",
        "  is_superuser, Cognito group 'admins' of 'default'",
        "  GROUPS, Cognito group 'editors' of 'default'",
    ]


def test_missing_permission_names_what_would_grant_it(user_from_token: Any) -> None:
    user_from_token("viewers")
    Group.objects.create(name="Helpers").permissions.add(permission("auth.change_group"))
    assert run("alice", "--permission", "auth.change_group").splitlines() == [
        "alice does not have auth.change_group:",
        "  GROUPS grants it to the Cognito group 'editors' of 'default'",
        "  the Django group 'Helpers' has it",
    ]


@pytest.mark.parametrize(
    ("user", "row", "changes", "reason"),
    [
        ({"is_active": False}, {}, {}, "the user is inactive: no permission counts"),
        ({}, {}, {"REMEMBERED_GROUPS_SECONDS": 60}, "default: the groups have expired (REMEMBERED_GROUPS_SECONDS)"),
        ({}, {"user_pool_id": "x_Old"}, {}, "x_Old: the pool is not in the settings: the groups do not count"),
    ],
    ids=["inactive", "expired", "another pool"],
)
def test_reason_that_prevents_a_permission_is_named(
    user_from_token: Any, cognito: Any, user: Any, row: Any, changes: Any, reason: str
) -> None:
    pk = user_from_token("editors", at=-3600).pk
    User.objects.filter(pk=pk).update(first_name="A", **user)
    CognitoUser.objects.update(username="alice", **row)
    cognito(**changes)
    text = run("alice", "--permission", "auth.change_group")
    assert text.startswith("alice does not have")
    assert f"  {reason}" in text.splitlines()


@pytest.mark.parametrize(
    ("columns", "note"),
    [
        ({"enabled": False}, "the user is disabled in Cognito: tokens are rejected"),
        ({"gone_at": timezone.now()}, "the user is deleted in Cognito: tokens are rejected"),
    ],
)
def test_user_whom_cognito_rejects_is_named(user_from_token: Any, columns: dict[str, Any], note: str) -> None:
    user_from_token("editors")
    CognitoUser.objects.update(**columns)
    assert note in run("alice")


def test_unknown_permission_is_named(user_from_token: Any) -> None:
    user_from_token("editors")
    text = run("alice", "--permission", "auth.chnge_group")
    assert "the database has no permission of this name" in text


def test_permission_that_nothing_grants_is_named(user_from_token: Any) -> None:
    user_from_token("editors")
    assert "no Cognito group of GROUPS and no Django group has it" in run("alice", "--permission", "auth.delete_group")


# Users


def test_user_is_found_by_sub_and_cognito_username(user_from_token: Any) -> None:
    user = user_from_token("viewers")
    User.objects.filter(pk=user.pk).update(username="alice@example.com")
    for name in ("alice@example.com", link_of(user).sub, "alice"):
        assert run(name).splitlines()[0] == "alice@example.com"


def test_local_user_has_no_link(django_user_model: Any) -> None:
    django_user_model.objects.create(username="local", is_superuser=True)
    assert run("local").splitlines()[1:] == [
        "  no link to a Cognito user",
        "  flag is_superuser",
        "    set on this site, not by a Cognito group",
    ]


def test_cognito_username_of_several_users_is_refused(user_from_token: Any, django_user_model: Any) -> None:
    user = user_from_token("viewers")
    User.objects.filter(pk=user.pk).update(username="first")
    row = link_of(user)
    other = django_user_model.objects.create(username="second")
    row.pk, row.sub, row.user = None, "another-sub", other
    row.save(force_insert=True)
    with pytest.raises(CommandError, match="Several users have the Cognito username 'alice': give the sub"):
        run("alice")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "Name a user"),
        (["nobody"], "There is no user 'nobody'"),
        (["alice", "--groups", "x.json"], "leave out USER"),
        (["--groups", "missing.json"], "cannot be read as JSON"),
        (["--groups", "missing.json", "--pool", "other"], "POOLS has no alias 'other'; it has default"),
    ],
)
def test_wrong_arguments_are_refused(arguments: list[str], message: str) -> None:
    with pytest.raises(CommandError, match=message):
        run(*arguments)


# Another GROUPS


@pytest.fixture
def groups_file(tmp_path: Path) -> Any:
    """Return a function that writes a value of GROUPS to a file and returns its path."""

    def write(groups: Any) -> Path:
        (tmp_path / "groups.json").write_text(json.dumps(groups))
        return tmp_path / "groups.json"

    return write


def count_rows() -> tuple[Any, ...]:
    """Return all rows that grants are stored in."""
    users = User.objects.order_by("pk").values_list("is_staff", "is_superuser", "groups")
    links = CognitoUser.objects.order_by("pk").values_list("groups", "as_of", "access_digest")
    memberships = CognitoMembership.objects.order_by("pk").values_list("name", "granted_groups", "granted_staff")
    return list(users), [*map(str, links)], [*map(str, memberships)], Group.objects.count()


def test_differences_of_each_user_are_shown_and_nothing_is_written(user_from_token: Any, groups_file: Any) -> None:
    user_from_token("editors", username="alice")
    user_from_token("helpers", username="bob")
    user_from_token("viewers", username="carol")
    before = count_rows()
    changed = {**GROUPS, "editors": {"groups": ["Writers", "New"], "permissions": ["auth.delete_group"]}}
    del changed["helpers"]
    assert run("--groups", groups_file(changed)).splitlines() == [
        "alice (Cognito user alice)",
        "  + Django group New",
        "  + permission auth.delete_group",
        "  - Django group Readers",
        "  - permission auth.change_group",
        "bob (Cognito user bob)",
        "  - is_staff",
        "2 users of 'default' would change.",
    ]
    assert count_rows() == before


def test_shown_differences_are_those_that_the_next_token_makes(
    user_from_token: Any, groups_file: Any, cognito: Any
) -> None:
    user = user_from_token("editors", "helpers", at=-60)
    user.groups.add(Group.objects.create(name="New"))
    changed = {"editors": {"groups": ["Readers", "New"], "superuser": True}, "viewers": GROUPS["viewers"]}
    shown = json.loads(run("--groups", groups_file(changed), "--json"))

    def rights() -> set[str]:
        row = User.objects.get(pk=user.pk)
        flags = {name for name in ("is_staff", "is_superuser") if getattr(row, name)}
        return flags | {f"Django group {group.name}" for group in row.groups.all()}

    before = rights()
    cognito(GROUPS=changed)
    user_from_token("editors", "helpers", at=0)
    stored = {"gained": rights() - before, "lost": before - rights()}
    assert {name: {item for item in shown[name] if not item.startswith("permission ")} for name in stored} == stored


@pytest.mark.parametrize(
    ("other", "is_protected"),
    [({}, True), ({"is_superuser": True}, False), ({"is_superuser": True, "is_active": False}, True)],
)
def test_last_superuser_is_shown_as_protected(
    user_from_token: Any, groups_file: Any, cognito: Any, other: dict[str, bool], is_protected: bool
) -> None:
    User.objects.create(username="other", **other)
    for name in ("alice", "bob"):
        user_from_token("admins", username=name, at=-60)
    cognito(KEEP_LAST_SUPERUSER=True)
    shown = [json.loads(line) for line in run("--groups", groups_file({}), "--json").splitlines()]
    flags = ["is_staff", "is_superuser"]
    assert [(row["user"], row["lost"], row["protected"]) for row in shown] == [
        ("alice", flags, []),
        ("bob", [] if is_protected else flags, flags if is_protected else []),
    ]
    last = run("--groups", groups_file({})).splitlines()[-2:]
    note = "  = is_superuser stays: no other active superuser is left (KEEP_LAST_SUPERUSER)"
    total = "1 user of 'default' would change." if is_protected else "2 users of 'default' would change."
    assert last == [note if is_protected else "  - is_superuser", total]
    cognito(GROUPS={})
    for name in ("alice", "bob"):
        user_from_token(username=name, at=0)
    assert User.objects.get(username="bob").is_superuser is is_protected


def test_superuser_who_is_gained_replaces_the_last_one(user_from_token: Any, groups_file: Any, cognito: Any) -> None:
    cognito(KEEP_LAST_SUPERUSER=True)
    user_from_token("viewers", username="alice")
    user_from_token("admins", username="bob")
    assert "  - is_superuser" in run("--groups", groups_file({"viewers": {"superuser": True}})).splitlines()


def test_right_by_hand_or_of_another_link_is_not_lost(user_from_token: Any, groups_file: Any) -> None:
    user = user_from_token("viewers")
    link(user, "google", groups=["viewers"])
    shown = run("--groups", groups_file({}))
    assert "Django group Readers" not in shown
    assert shown.count("- permission auth.view_group") == 2  # of each link: neither has another grant


def test_inactive_users_and_expired_groups_are_left_out(user_from_token: Any, cognito: Any, groups_file: Any) -> None:
    User.objects.filter(pk=user_from_token("editors").pk).update(is_active=False)
    user_from_token("editors", at=-3600, username="bob")
    cognito(REMEMBERED_GROUPS_SECONDS=1800)
    assert run("--groups", groups_file({})) == "0 users of 'default' would change."


def test_number_of_queries_does_not_depend_on_the_users(
    user_from_token: Any, groups_file: Any, django_assert_num_queries: Any
) -> None:
    for number in range(6):
        user_from_token("editors", username=f"user{number}")
    with django_assert_num_queries(5):
        run("--groups", groups_file({}))


@pytest.mark.parametrize(
    ("groups", "message"),
    [([], "must contain a dict"), ({"a": {"flags": 1}}, "unknown key 'flags'"), ({"a": {"staff": 1}}, "must be")],
)
def test_file_with_wrong_groups_is_refused(groups: Any, message: str, groups_file: Any) -> None:
    with pytest.raises(CommandError, match=message):
        run("--groups", groups_file(groups))


# Tenants

EDITORS = {"editors": {"permissions": ["auth.change_group"]}, "viewers": {"permissions": ["auth.view_group"]}}


@pytest.fixture
def alice_of_two_tenants(mapped: None, user_from_token: Any, cognito: Any) -> None:
    cognito(TENANT={"group_prefix": "org/"}, TENANT_GROUPS=EDITORS)
    user_from_token("org/acme/editors", "org/umbrella", "org/umbrella/viewers", "helpers")


@pytest.mark.usefixtures("alice_of_two_tenants")
def test_tenants_of_the_groups_are_shown() -> None:
    text = run("alice")
    assert text.splitlines()[0] == "alice"
    assert "    tenants: acme, umbrella" in text.splitlines()
    assert "permission auth.change_group" not in text
    assert "flag is_staff" in text


@pytest.mark.usefixtures("alice_of_two_tenants")
@pytest.mark.parametrize(
    ("tenant", "shown"),
    [
        ("acme", {"auth.change_group": "org/acme/editors"}),
        ("umbrella", {"auth.view_group": "org/umbrella/viewers"}),
        ("beta", {}),
        ("acme/editors", {}),
    ],
)
def test_rights_in_a_tenant_are_shown_with_their_group(tenant: str, shown: dict[str, str]) -> None:
    text = run("alice", "--tenant", tenant)
    assert text.splitlines()[0] == f"alice in the tenant {tenant!r}"
    for name in ("auth.change_group", "auth.view_group"):
        if name in shown:
            reason = f"TENANT_GROUPS, Cognito group {shown[name]!r} of 'default'"
            assert lines_after(text, f"  permission {name}") == [reason]
        else:
            assert f"permission {name}" not in text


@pytest.mark.usefixtures("alice_of_two_tenants")
def test_missing_permission_names_the_group_of_the_tenant() -> None:
    name, has_it, grants = "auth.change_group", "alice has auth.change_group:", "TENANT_GROUPS grants it to the Cognito"
    assert run("alice", "--permission", name, "--tenant", "acme").splitlines()[0] == has_it
    for arguments, group in ((("--tenant", "umbrella"), "org/umbrella/editors"), ((), "org/.../editors")):
        text = run("alice", "--permission", name, *arguments)
        assert "does not have" in text
        assert f"{grants} group {group!r} of 'default'" in text


def test_tenant_of_a_claim_is_that_of_the_option(user_from_token: Any, cognito: Any) -> None:
    cognito(TENANT={"claim": "custom:tenant_id"}, TENANT_GROUPS=EDITORS, GROUPS={})
    user_from_token("editors")
    assert "permission auth.change_group" not in run("alice")
    heading = "  permission auth.change_group"
    assert lines_after(run("alice", "--tenant", "acme"), heading) == [
        "TENANT_GROUPS, Cognito group 'editors' of 'default'"
    ]


def test_tenant_is_refused_with_changed_groups(groups_file: Any) -> None:
    with pytest.raises(CommandError, match="--tenant"):
        run("--groups", groups_file({}), "--tenant", "acme")
