"""A removed link leaves no grants, and its user is never linked by email again, however it is removed."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, models
from django.db.models import QuerySet
from django.db.models.deletion import Collector

from django_cognito import signals
from django_cognito.core.errors import SignInError, TokenError
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser, FormerLink
from django_cognito.users import linking
from django_cognito.users.accounts import unlinking
from django_cognito.users.writing import provisioning
from tests.support.scenarios import users
from tests.support.scenarios.users import django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
POOL = "eu-west-1_TestPool1"


class LinkInAdmin(CognitoUser):
    """A proxy model, as a site may define for its admin."""

    class Meta:
        proxy = True
        app_label = "a_site"  # not installed, so it needs no migration


unlinking.connect_receivers([LinkInAdmin])


def collect(link: CognitoUser) -> None:
    """Delete the link without an origin, as a site's code may."""
    collector = Collector(using="default")
    collector.collect([link])
    collector.delete()


REMOVALS: dict[str, Callable[[CognitoUser], object]] = {
    "unlink": lambda link: linking.unlink(link.user, link.pk),
    "delete": lambda link: link.delete(),
    "queryset": lambda link: CognitoUser.objects.filter(pk=link.pk).delete(),
    "related manager": lambda link: link.user.cognito_users.all().delete(),
    "proxy": lambda link: LinkInAdmin.objects.get(pk=link.pk).delete(),
    "collector": collect,
    "another user": lambda link: move_link(link, User.objects.create(username="other")),
}
each_removal = pytest.mark.parametrize("remove", REMOVALS.values(), ids=REMOVALS)


def move_link(link: CognitoUser, user: Any, **options: Any) -> None:
    """Read, change and save the row, as a site's admin does."""
    link = CognitoUser.objects.get(pk=link.pk)
    link.user = user
    link.save(**options)


@pytest.fixture
def local(cognito: Any) -> User:
    cognito(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=True)
    return User.objects.create_user("local", "alice@example.com", "local password")


@pytest.fixture
def sent_signals() -> Iterator[list[tuple[str, Any, str, str]]]:
    """Yield the list of the arguments of `account_linked` and `account_unlinked`."""
    events: list[tuple[str, Any, str, str]] = []

    def linked(sender: None, user: Any, user_pool_id: str, sub: str, **_: Any) -> None:
        events.append(("linked", user, user_pool_id, sub))

    def unlinked(sender: None, user: Any, user_pool_id: str, sub: str, **_: Any) -> None:
        events.append(("unlinked", user, user_pool_id, sub))

    signals.account_linked.connect(linked)
    signals.account_unlinked.connect(unlinked)
    yield events
    signals.account_linked.disconnect(linked)
    signals.account_unlinked.disconnect(unlinked)


@each_removal
def test_removed_link_leaves_a_former_link_and_is_not_linked_again(user_from_token, local, remove) -> None:
    assert user_from_token(token_use="id") == local
    link = link_of(local)
    remove(link)
    assert list(FormerLink.objects.values_list("user_id", "user_pool_id", "sub")) == [(local.pk, POOL, link.sub)]
    for username in ("alice", "victim"):
        assert user_from_token(token_use="id", username=username, email="alice@example.com", at=10) != local


@each_removal
def test_removed_link_leaves_no_grant_of_its_groups(user_from_token, mapped, local, remove) -> None:
    local.groups.add(Group.objects.create(name="Local"))
    assert user_from_token("editors", "admins", token_use="id") == local
    link = link_of(local)
    CognitoLogin.objects.create(cognito_user=link, tokens=b"", expires_at=link.as_of)
    remove(link)
    local.refresh_from_db()
    assert (local.is_staff, local.is_superuser, django_groups(local)) == (False, False, {"Local"})
    assert (CognitoMembership.objects.count(), CognitoLogin.objects.count()) == (0, 0)


@pytest.mark.parametrize("origin", ["user", "users"])
def test_deleted_user_leaves_no_former_link(
    user_from_token, sent_signals, django_capture_on_commit_callbacks, origin
) -> None:
    user = user_from_token()
    linking.unlink(user_from_token(username="bob"), _second_link(User.objects.get(username="bob")).pk)
    with django_capture_on_commit_callbacks(execute=True):
        User.objects.all().delete() if origin == "users" else user.delete()
    assert FormerLink.objects.filter(sub=_sub("alice")).count() == 0
    assert sent_signals == []


def test_deleted_user_deletes_its_former_links(user_from_token) -> None:
    user = user_from_token()
    linking.unlink(user, _second_link(user).pk)
    user.delete()
    assert (FormerLink.objects.count(), CognitoUser.objects.count()) == (0, 0)


def _second_link(user: Any, sub: str = "two") -> CognitoUser:
    return CognitoUser.objects.create(user=user, user_pool_id=POOL, sub=sub, username=sub, as_of="2020-01-01T00:00Z")


def _sub(username: str) -> str:
    return CognitoUser.objects.filter(username=username).values_list("sub", flat=True).first() or username


# Links moved to another user


def test_moved_link_grants_to_the_new_user_with_the_next_token(user_from_token, mapped) -> None:
    first = user_from_token("admins", at=-50)
    second = User.objects.create(username="second")
    move_link(link_of(first), second)
    first.refresh_from_db()
    assert (first.is_superuser, user_from_token("admins", at=-40)) == (False, second)
    second.refresh_from_db()
    assert second.is_superuser


def test_link_moved_by_update_fields_is_recorded(user_from_token, mapped) -> None:
    first = user_from_token("admins", at=-50)
    move_link(link_of(first), User.objects.create(username="second"), update_fields=["user"])
    assert FormerLink.objects.get().user == first
    assert user_from_token("admins", at=-40).is_superuser


@pytest.mark.parametrize("way", ["deferred", "constructed", "refreshed"])
def test_link_moved_by_an_unread_row_is_recorded(user_from_token, mapped, way) -> None:
    """The object does not store the former user of the link."""
    first = user_from_token("admins", at=-50)
    link = CognitoUser.objects.only("sub").get() if way == "deferred" else link_of(first)
    if way == "constructed":
        link = CognitoUser(**CognitoUser.objects.values().get())
        link._state.adding = False
    if way == "refreshed":
        third = User.objects.create(username="third")
        move_link(link_of(first), third)
        assert user_from_token("admins", at=-45) == third
        link.refresh_from_db()
        first = third
    second = User.objects.create(username="second")
    link.user = second
    link.save()
    first.refresh_from_db()
    assert (first.is_superuser, FormerLink.objects.filter(user=first).count()) == (False, 1)
    assert user_from_token("admins", at=-40).is_superuser
    assert user_from_token("admins", at=-40) == second


def test_token_during_a_move_of_its_link_grants_nothing_to_old_user(user_from_token, mapped) -> None:
    first = user_from_token("admins", at=-50)
    tokens = iter([lambda: user_from_token("admins", at=-45)])

    def authenticate_once(**_: Any) -> None:
        if (authenticate_admin := next(tokens, None)) is not None:
            authenticate_admin()

    models.signals.pre_save.connect(authenticate_once, sender=CognitoUser)  # after the package's own receiver
    try:
        move_link(link_of(first), User.objects.create(username="second"))
    finally:
        models.signals.pre_save.disconnect(authenticate_once, sender=CognitoUser)
    first.refresh_from_db()
    assert (first.is_superuser, user_from_token("admins", at=-40).username) == (False, "second")


@pytest.mark.django_db(transaction=True)
def test_failed_move_of_a_link_leaves_its_groups(user_from_token, mapped, monkeypatch) -> None:
    def fail(link: CognitoUser, settings: Any) -> None:
        raise DatabaseError("the connection was lost")

    user, other = user_from_token("editors"), User.objects.create(username="other")
    monkeypatch.setattr(unlinking, "protect_local_values", fail)
    with pytest.raises(DatabaseError, match="connection was lost"):
        move_link(link_of(user), other)
    assert (link_of(user).groups, django_groups(user)) == (["editors"], {"Writers", "Readers"})
    assert not FormerLink.objects.exists()


def test_link_saved_with_its_users_key_as_text_is_not_recorded(user_from_token) -> None:
    link = link_of(user_from_token())
    link.user_id = str(link.user_id)
    link.save()
    assert not FormerLink.objects.exists()


def test_moved_link_protects_the_email_of_the_new_user(user_from_token) -> None:
    first = user_from_token(token_use="id", at=-50)
    second = User.objects.create_user("second", "second@example.com")
    move_link(link_of(first), second)
    assert user_from_token(token_use="id", email="eve@example.com", email_verified=False, at=-40) == second
    second.refresh_from_db()
    assert second.email == "second@example.com"


def test_link_saved_for_the_same_user_is_not_recorded(user_from_token) -> None:
    user = user_from_token()
    link = link_of(user)
    link.save()
    link.user = User.objects.create(username="second")
    link.save(update_fields=["username"])
    assert not FormerLink.objects.exists()


def test_link_removed_twice_is_recorded_once(user_from_token) -> None:
    user = user_from_token()
    stale, link = link_of(user), link_of(user)
    link.delete()
    stale.delete()
    stale = CognitoUser(pk=link.pk, user=user, user_pool_id=POOL, sub="x", username="x", as_of=link.as_of)
    stale.loaded_user_id, stale.user = user.pk, User.objects.create(username="second")
    stale.save()
    assert FormerLink.objects.count() == 1


def test_raw_save_of_a_fixture_is_not_recorded(user_from_token) -> None:
    link = link_of(user_from_token())
    link.user = User.objects.create(username="second")
    link.save_base(raw=True)
    assert not FormerLink.objects.exists()


def test_deferred_link_has_no_loaded_user(user_from_token) -> None:
    user_from_token()
    assert CognitoUser.objects.only("sub").get().loaded_user_id is None


# Linking by email


@pytest.mark.defends("RP-12")
def test_account_with_an_email_of_an_unverified_claim_is_not_linked(user_from_token, local, client) -> None:
    """The attack: link, set the victim's email in their own profile, unlink with the local password."""
    user_from_token(token_use="id", username="mallory", email="alice@example.com", at=-100)
    user_from_token(token_use="id", username="mallory", email="victim@example.com", email_verified=False, at=-50)
    User.objects.filter(pk=local.pk).update(email="victim@example.com")  # as earlier releases wrote it
    linking.unlink(local, link_of(local).pk)
    victim = user_from_token(token_use="id", username="victim", email="victim@example.com")
    assert victim != local


def test_account_unlinked_during_a_lock_wait_is_not_linked(user_from_token, local, monkeypatch) -> None:
    lock = QuerySet.select_for_update

    def lock_late(self: Any, *args: Any, **options: Any) -> Any:
        if self.model is User and not FormerLink.objects.exists():
            FormerLink.objects.create(user=local, user_pool_id=POOL, sub="google")
            return _as_before(lock(self, *args, **options), local)
        return lock(self, *args, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", lock_late)
    assert user_from_token(token_use="id") != local


def _as_before(rows: Any, user: Any) -> Any:
    """Return the rows that the statement selected before another transaction committed."""
    rows._result_cache = [user]
    rows.__class__ = type("Before", (type(rows),), {"__getitem__": lambda self, key: self._result_cache[key]})
    return rows


def test_linking_by_email_makes_the_local_password_unusable(user_from_token, cognito, client) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("local", "alice@example.com", "password of another user")
    client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
    assert user_from_token(token_use="id") == local
    local.refresh_from_db()
    assert not local.has_usable_password()
    assert not client.login(username="local", password="password of another user")


@pytest.mark.urls("tests.support.login_site")
@pytest.mark.parametrize("password", ["password of another user", None])
@pytest.mark.parametrize("keeps", [True, False])
def test_linking_by_email_ends_the_sessions_of_the_local_account(
    user_from_token, cognito, client, password, keeps
) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=keeps)
    local = User.objects.create_user("local", "alice@example.com", password)
    client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/who/").content == b"local"
    user_from_token(token_use="id")
    assert client.get("/who/").content == (b"local" if keeps else b"nobody")


def test_explicit_linking_does_not_change_the_local_password(user_from_token) -> None:
    local = User.objects.create_user("local", "alice@example.com", "local password")
    users.link(local, "alice")
    local.refresh_from_db()
    assert local.check_password("local password")


@pytest.mark.parametrize("alias", ["internal", "tenants"])
def test_linking_by_email_is_a_setting_per_pool(user_from_token, settings, alias) -> None:
    settings.COGNITO = {
        "POOLS": {
            "tenants": {"USER_POOL_ID": "eu-west-1_Tenants", "CLIENT_ID": "1t"},
            "internal": {"USER_POOL_ID": "eu-west-1_Internal", "CLIENT_ID": "1o", "LINK_BY_VERIFIED_EMAIL": True},
        }
    }
    local = User.objects.create_user("local", "alice@example.com", "pw")
    assert (user_from_token(token_use="id", alias=alias) == local) is (alias == "internal")


# Unlinking


def test_unlink_ignores_other_links_of_unconfigured_pools(user_from_token) -> None:
    user = user_from_token()
    CognitoUser.objects.filter(pk=_second_link(user).pk).update(user_pool_id="eu-west-1_Former")
    with pytest.raises(SignInError) as raised:
        linking.unlink(user, CognitoUser.objects.get(user_pool_id=POOL).pk)
    assert raised.value.code == "last_way_in"


def test_unlink_refreshes_the_user_argument(user_from_token, mapped) -> None:
    _second_link(user_from_token("admins"))
    user = User.objects.get()
    linking.unlink(user, link_of_alice(user).pk)
    user.save()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, False)


def link_of_alice(user: Any) -> CognitoUser:
    return user.cognito_users.get(username="alice")  # type: ignore[no-any-return]


@pytest.mark.parametrize("winner", ["the same user", "another user", "deleted"])
def test_link_created_first_by_another_request_is_not_moved(user_from_token, monkeypatch, winner) -> None:
    user, other = User.objects.create(username="local"), User.objects.create(username="other")
    fetch = provisioning._fetch_link

    def create_after_fetch(statement: Any) -> Any:
        monkeypatch.setattr(provisioning, "_fetch_link", fetch)
        link = fetch(statement)
        CognitoUser.objects.create(
            user=user if winner == "the same user" else other,
            user_pool_id=statement.user_pool_id,
            sub=statement.sub,
            username="google",
            as_of="2020-01-01T00:00Z",
        )
        if winner == "deleted":  # created and deleted again
            monkeypatch.setattr(provisioning, "_fetch_link", lambda statement: None)
        return link

    monkeypatch.setattr(provisioning, "_fetch_link", create_after_fetch)
    if winner == "the same user":
        users.link(user, "google")
        assert user.cognito_users.count() == 1
        return
    with pytest.raises(TokenError) as raised:
        users.link(user, "google")
    assert (raised.value.code, user.cognito_users.count()) == ("linked_elsewhere", 0)


def test_unlink_of_a_deleted_link_is_rejected(user_from_token) -> None:
    user = user_from_token()
    link = _second_link(user)
    link_pk = link.pk
    link.delete()
    with pytest.raises(SignInError) as raised:
        linking.unlink(user, link_pk)
    assert raised.value.code == "not_linked"


def test_link_to_a_deleted_user_is_rejected(user_from_token) -> None:
    user = User.objects.create_user("her")
    stale = User.objects.get(pk=user.pk)
    user.delete()
    with pytest.raises(SignInError) as raised:
        users.link(stale, "google")
    assert raised.value.code == "link_interrupted"
    assert not CognitoUser.objects.exists()


# Signals


@each_removal
def test_account_unlinked_is_sent_on_commit(
    user_from_token, local, sent_signals, django_capture_on_commit_callbacks, remove
) -> None:
    user_from_token(token_use="id")
    link = link_of(local)
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        remove(link)
    assert sent_signals == []
    for callback in callbacks:
        callback()
    assert ("unlinked", local, POOL, link.sub) in sent_signals
    others = [(kind, user.username) for kind, user, *_ in sent_signals if kind == "linked"]
    assert others == ([("linked", "other")] if User.objects.filter(username="other").exists() else [])


def test_account_linked_is_sent_for_linking_by_email(
    user_from_token, local, sent_signals, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        user_from_token(token_use="id")
    assert sent_signals == [("linked", local, POOL, link_of(local).sub)]


def test_account_linked_is_sent_once_for_explicit_linking(
    user_from_token, sent_signals, django_capture_on_commit_callbacks
) -> None:
    user = user_from_token()
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            users.link(user, "google")
    assert [(kind, user, pool) for kind, user, pool, _ in sent_signals] == [("linked", user, POOL)]


def test_account_linked_is_not_sent_for_a_new_user(
    user_from_token, sent_signals, django_capture_on_commit_callbacks
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        user_from_token()
        user_from_token(at=10)
    assert sent_signals == []


@pytest.mark.django_db(transaction=True)
def test_account_unlinked_is_not_sent_after_a_rollback(user_from_token, sent_signals) -> None:
    link = link_of(user_from_token())

    def fail(instance: Any, **_: Any) -> None:
        raise RuntimeError("a receiver of the site failed")

    models.signals.post_delete.connect(fail, sender=CognitoUser)
    try:
        with pytest.raises(RuntimeError):
            link.delete()
    finally:
        models.signals.post_delete.disconnect(fail, sender=CognitoUser)
    assert (sent_signals, FormerLink.objects.exists(), get_user_model().objects.count()) == ([], False, 1)
    assert not connection.in_atomic_block
