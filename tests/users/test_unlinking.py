"""However a link goes, its user keeps nothing of it and is never again found by email."""

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
from django_cognito.users import linking, provisioning, unlinking
from tests.support import user_scenario
from tests.support.user_scenario import django_groups, link_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]
POOL = "eu-west-1_TestPool1"


class LinkInAdmin(CognitoUser):
    """A proxy, as a site may have one for its admin."""

    class Meta:
        proxy = True
        app_label = "a_site"  # which is not installed: it needs no migration


unlinking.connect_receivers([LinkInAdmin])


def collect(link: CognitoUser) -> None:
    """As a site's own code may delete: Django says no origin then."""
    collector = Collector(using="default")
    collector.collect([link])
    collector.delete()


WAYS: dict[str, Callable[[CognitoUser], object]] = {
    "unlink": lambda link: linking.unlink(link.user, link.pk),
    "delete": lambda link: link.delete(),
    "queryset": lambda link: CognitoUser.objects.filter(pk=link.pk).delete(),
    "related manager": lambda link: link.user.cognito_users.all().delete(),
    "proxy": lambda link: LinkInAdmin.objects.get(pk=link.pk).delete(),
    "collector": collect,
    "another user": lambda link: give(link, User.objects.create(username="other")),
}
each_way = pytest.mark.parametrize("remove", WAYS.values(), ids=WAYS)


def give(link: CognitoUser, user: Any, **options: Any) -> None:
    """As a site's admin does it: the row is read, changed and saved."""
    link = CognitoUser.objects.get(pk=link.pk)
    link.user = user
    link.save(**options)


@pytest.fixture
def local(cognito: Any) -> User:
    cognito(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=True)
    return User.objects.create_user("her", "alice@example.com", "her own")


@pytest.fixture
def sent() -> Iterator[list[tuple[str, Any, str, str]]]:
    """What `account_linked` and `account_unlinked` were sent with."""
    received: list[tuple[str, Any, str, str]] = []

    def linked(sender: None, user: Any, user_pool_id: str, sub: str, **_: Any) -> None:
        received.append(("linked", user, user_pool_id, sub))

    def unlinked(sender: None, user: Any, user_pool_id: str, sub: str, **_: Any) -> None:
        received.append(("unlinked", user, user_pool_id, sub))

    signals.account_linked.connect(linked)
    signals.account_unlinked.connect(unlinked)
    yield received
    signals.account_linked.disconnect(linked)
    signals.account_unlinked.disconnect(unlinked)


@each_way
def test_removed_link_leaves_a_former_link_and_no_second_linking_by_email(told, local, remove) -> None:
    assert told(token_use="id") == local
    link = link_of(local)
    remove(link)
    assert list(FormerLink.objects.values_list("user_id", "user_pool_id", "sub")) == [(local.pk, POOL, link.sub)]
    for username in ("alice", "victim"):
        assert told(token_use="id", username=username, email="alice@example.com", at=10) != local


@each_way
def test_removed_link_leaves_nothing_that_its_groups_granted(told, mapped, local, remove) -> None:
    local.groups.add(Group.objects.create(name="By hand"))
    assert told("editors", "admins", token_use="id") == local
    link = link_of(local)
    CognitoLogin.objects.create(cognito_user=link, tokens=b"", expires_at=link.as_of)
    remove(link)
    local.refresh_from_db()
    assert (local.is_staff, local.is_superuser, django_groups(local)) == (False, False, {"By hand"})
    assert (CognitoMembership.objects.count(), CognitoLogin.objects.count()) == (0, 0)


@pytest.mark.parametrize("origin", ["user", "users"])
def test_deleted_user_leaves_no_former_link(told, sent, django_capture_on_commit_callbacks, origin) -> None:
    user = told()
    linking.unlink(told(username="bob"), _second_link(User.objects.get(username="bob")).pk)
    with django_capture_on_commit_callbacks(execute=True):
        User.objects.all().delete() if origin == "users" else user.delete()
    assert FormerLink.objects.filter(sub=_sub("alice")).count() == 0
    assert sent == []


def test_deleted_user_takes_its_former_links_along(told) -> None:
    user = told()
    linking.unlink(user, _second_link(user).pk)
    user.delete()
    assert (FormerLink.objects.count(), CognitoUser.objects.count()) == (0, 0)


def _second_link(user: Any, sub: str = "two") -> CognitoUser:
    return CognitoUser.objects.create(user=user, user_pool_id=POOL, sub=sub, username=sub, as_of="2020-01-01T00:00Z")


def _sub(username: str) -> str:
    return CognitoUser.objects.filter(username=username).values_list("sub", flat=True).first() or username


# Another user


def test_link_given_to_another_user_grants_to_that_user_with_the_next_token(told, mapped) -> None:
    first = told("admins", at=-50)
    second = User.objects.create(username="second")
    give(link_of(first), second)
    first.refresh_from_db()
    assert (first.is_superuser, told("admins", at=-40)) == (False, second)
    second.refresh_from_db()
    assert second.is_superuser


def test_link_given_to_another_user_by_update_fields_is_recorded_too(told, mapped) -> None:
    first = told("admins", at=-50)
    give(link_of(first), User.objects.create(username="second"), update_fields=["user"])
    assert FormerLink.objects.get().user == first
    assert told("admins", at=-40).is_superuser


@pytest.mark.parametrize("way", ["deferred", "constructed", "refreshed"])
def test_link_given_to_another_user_by_a_row_that_was_not_read_is_recorded_too(told, mapped, way) -> None:
    """Such an object does not know whose link it was."""
    first = told("admins", at=-50)
    link = CognitoUser.objects.only("sub").get() if way == "deferred" else link_of(first)
    if way == "constructed":
        link = CognitoUser(**CognitoUser.objects.values().get())
        link._state.adding = False
    if way == "refreshed":
        third = User.objects.create(username="third")
        give(link_of(first), third)
        assert told("admins", at=-45) == third
        link.refresh_from_db()
        first = third
    second = User.objects.create(username="second")
    link.user = second
    link.save()
    first.refresh_from_db()
    assert (first.is_superuser, FormerLink.objects.filter(user=first).count()) == (False, 1)
    assert told("admins", at=-40).is_superuser
    assert told("admins", at=-40) == second


def test_token_before_the_save_of_a_link_given_to_another_user_grants_nothing_to_the_first(told, mapped) -> None:
    first = told("admins", at=-50)
    tokens = iter([lambda: told("admins", at=-45)])

    def bring_token(**_: Any) -> None:
        if (bring := next(tokens, None)) is not None:
            bring()

    models.signals.pre_save.connect(bring_token, sender=CognitoUser)  # after the package's own receiver
    try:
        give(link_of(first), User.objects.create(username="second"))
    finally:
        models.signals.pre_save.disconnect(bring_token, sender=CognitoUser)
    first.refresh_from_db()
    assert (first.is_superuser, told("admins", at=-40).username) == (False, "second")


@pytest.mark.django_db(transaction=True)
def test_link_whose_gift_to_another_user_fails_stays_with_its_groups(told, mapped, monkeypatch) -> None:
    def fail(link: CognitoUser, settings: Any) -> None:
        raise DatabaseError("the connection was lost")

    user, other = told("editors"), User.objects.create(username="other")
    monkeypatch.setattr(unlinking, "protect_local_values", fail)
    with pytest.raises(DatabaseError, match="connection was lost"):
        give(link_of(user), other)
    assert (link_of(user).groups, django_groups(user)) == (["editors"], {"Writers", "Readers"})
    assert not FormerLink.objects.exists()


def test_link_that_is_saved_with_its_users_key_as_text_is_not_recorded(told) -> None:
    link = link_of(told())
    link.user_id = str(link.user_id)
    link.save()
    assert not FormerLink.objects.exists()


def test_link_given_to_another_user_protects_the_email_of_that_user(told) -> None:
    first = told(token_use="id", at=-50)
    second = User.objects.create_user("second", "second@example.com")
    give(link_of(first), second)
    assert told(token_use="id", email="eve@example.com", email_verified=False, at=-40) == second
    second.refresh_from_db()
    assert second.email == "second@example.com"


def test_link_that_is_saved_for_its_own_user_is_not_recorded(told) -> None:
    user = told()
    link = link_of(user)
    link.save()
    link.user = User.objects.create(username="second")
    link.save(update_fields=["username"])
    assert not FormerLink.objects.exists()


def test_link_that_was_removed_meanwhile_is_recorded_once(told) -> None:
    user = told()
    stale, link = link_of(user), link_of(user)
    link.delete()
    stale.delete()
    stale = CognitoUser(pk=link.pk, user=user, user_pool_id=POOL, sub="x", username="x", as_of=link.as_of)
    stale.loaded_user_id, stale.user = user.pk, User.objects.create(username="second")
    stale.save()
    assert FormerLink.objects.count() == 1


def test_fixture_that_is_loaded_is_not_recorded(told) -> None:
    link = link_of(told())
    link.user = User.objects.create(username="second")
    link.save_base(raw=True)
    assert not FormerLink.objects.exists()


def test_deferred_link_has_no_loaded_user(told) -> None:
    told()
    assert CognitoUser.objects.only("sub").get().loaded_user_id is None


# Linking by email


@pytest.mark.defends("RP-12")
def test_account_whose_email_an_unverified_claim_wrote_is_never_found(told, local, client) -> None:
    """The take-over: link, write the victim's address into one's own profile, unlink by the local password."""
    told(token_use="id", username="mallory", email="alice@example.com", at=-100)
    told(token_use="id", username="mallory", email="victim@example.com", email_verified=False, at=-50)
    User.objects.filter(pk=local.pk).update(email="victim@example.com")  # as releases before wrote it
    linking.unlink(local, link_of(local).pk)
    victim = told(token_use="id", username="victim", email="victim@example.com")
    assert victim != local


def test_account_that_is_linked_and_unlinked_while_the_lock_is_waited_for_is_not_found(
    told, local, monkeypatch
) -> None:
    lock = QuerySet.select_for_update

    def lock_late(self: Any, *args: Any, **options: Any) -> Any:
        if self.model is User and not FormerLink.objects.exists():
            FormerLink.objects.create(user=local, user_pool_id=POOL, sub="google")
            return _as_before(lock(self, *args, **options), local)
        return lock(self, *args, **options)

    monkeypatch.setattr(QuerySet, "select_for_update", lock_late)
    assert told(token_use="id") != local


def _as_before(rows: Any, user: Any) -> Any:
    """The rows that a statement selected before others committed."""
    rows._result_cache = [user]
    rows.__class__ = type("Before", (type(rows),), {"__getitem__": lambda self, key: self._result_cache[key]})
    return rows


def test_linking_by_email_makes_the_local_password_unusable(told, cognito, client) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True)
    local = User.objects.create_user("her", "alice@example.com", "known to a stranger")
    client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
    assert told(token_use="id") == local
    local.refresh_from_db()
    assert not local.has_usable_password()
    assert not client.login(username="her", password="known to a stranger")


@pytest.mark.urls("tests.support.login_site")
@pytest.mark.parametrize("password", ["known to a stranger", None])
@pytest.mark.parametrize("keeps", [True, False])
def test_linking_by_email_ends_the_sessions_of_the_local_account(told, cognito, client, password, keeps) -> None:
    cognito(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=keeps)
    local = User.objects.create_user("her", "alice@example.com", password)
    client.force_login(local, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/who/").content == b"her"
    told(token_use="id")
    assert client.get("/who/").content == (b"her" if keeps else b"nobody")


def test_linking_on_purpose_keeps_the_local_password(told) -> None:
    local = User.objects.create_user("her", "alice@example.com", "her own")
    user_scenario.link(local, "alice")
    local.refresh_from_db()
    assert local.check_password("her own")


@pytest.mark.parametrize("alias", ["ours", "tenants"])
def test_linking_by_email_is_each_pools_own_setting(told, settings, alias) -> None:
    settings.COGNITO = {
        "POOLS": {
            "tenants": {"USER_POOL_ID": "eu-west-1_Tenants", "CLIENT_ID": "1t"},
            "ours": {"USER_POOL_ID": "eu-west-1_Ours", "CLIENT_ID": "1o", "LINK_BY_VERIFIED_EMAIL": True},
        }
    }
    local = User.objects.create_user("her", "alice@example.com", "pw")
    assert (told(token_use="id", alias=alias) == local) is (alias == "ours")


# Unlinking


def test_unlink_counts_a_link_of_a_pool_that_is_not_configured_as_no_way_in(told) -> None:
    user = told()
    CognitoUser.objects.filter(pk=_second_link(user).pk).update(user_pool_id="eu-west-1_Former")
    with pytest.raises(SignInError) as rejected:
        linking.unlink(user, CognitoUser.objects.get(user_pool_id=POOL).pk)
    assert rejected.value.code == "last_way_in"


def test_unlink_refreshes_the_user_object_that_it_was_given(told, mapped) -> None:
    _second_link(told("admins"))
    user = User.objects.get()
    linking.unlink(user, link_of_alice(user).pk)
    user.save()
    user.refresh_from_db()
    assert (user.is_staff, user.is_superuser) == (False, False)


def link_of_alice(user: Any) -> CognitoUser:
    return user.cognito_users.get(username="alice")  # type: ignore[no-any-return]


@pytest.mark.parametrize("winner", ["the same user", "another user", "nobody"])
def test_link_that_another_request_made_first_stays_that_users(told, monkeypatch, winner) -> None:
    user, other = User.objects.create(username="her"), User.objects.create(username="other")
    find = provisioning._fetch_link

    def find_late(statement: Any) -> Any:
        monkeypatch.setattr(provisioning, "_fetch_link", find)
        found = find(statement)
        CognitoUser.objects.create(
            user=user if winner == "the same user" else other,
            user_pool_id=statement.user_pool_id,
            sub=statement.sub,
            username="google",
            as_of="2020-01-01T00:00Z",
        )
        if winner == "nobody":  # it was there, and is gone again
            monkeypatch.setattr(provisioning, "_fetch_link", lambda statement: None)
        return found

    monkeypatch.setattr(provisioning, "_fetch_link", find_late)
    if winner == "the same user":
        user_scenario.link(user, "google")
        assert user.cognito_users.count() == 1
        return
    with pytest.raises(TokenError) as rejected:
        user_scenario.link(user, "google")
    assert (rejected.value.code, user.cognito_users.count()) == ("linked_elsewhere", 0)


def test_unlink_of_a_link_that_is_gone_is_rejected(told) -> None:
    user = told()
    link = _second_link(user)
    link_pk = link.pk
    link.delete()
    with pytest.raises(SignInError) as rejected:
        linking.unlink(user, link_pk)
    assert rejected.value.code == "not_linked"


def test_link_to_a_user_who_was_deleted_meanwhile_is_rejected(told) -> None:
    user = User.objects.create_user("her")
    stale = User.objects.get(pk=user.pk)
    user.delete()
    with pytest.raises(SignInError) as rejected:
        user_scenario.link(stale, "google")
    assert rejected.value.code == "link_interrupted"
    assert not CognitoUser.objects.exists()


# Signals


@each_way
def test_account_unlinked_is_sent_on_commit(told, local, sent, django_capture_on_commit_callbacks, remove) -> None:
    told(token_use="id")
    link = link_of(local)
    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        remove(link)
    assert sent == []
    for callback in callbacks:
        callback()
    assert ("unlinked", local, POOL, link.sub) in sent
    others = [(kind, user.username) for kind, user, *_ in sent if kind == "linked"]
    assert others == ([("linked", "other")] if User.objects.filter(username="other").exists() else [])


def test_account_linked_is_sent_for_linking_by_email(told, local, sent, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        told(token_use="id")
    assert sent == [("linked", local, POOL, link_of(local).sub)]


def test_account_linked_is_sent_once_for_linking_on_purpose(told, sent, django_capture_on_commit_callbacks) -> None:
    user = told()
    with django_capture_on_commit_callbacks(execute=True):
        for _ in range(2):
            user_scenario.link(user, "google")
    assert [(kind, who, pool) for kind, who, pool, _ in sent] == [("linked", user, POOL)]


def test_account_linked_is_not_sent_for_a_new_user(told, sent, django_capture_on_commit_callbacks) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        told()
        told(at=10)
    assert sent == []


@pytest.mark.django_db(transaction=True)
def test_account_unlinked_that_is_rolled_back_is_not_sent(told, sent) -> None:
    link = link_of(told())

    def fail(instance: Any, **_: Any) -> None:
        raise RuntimeError("a receiver of the site failed")

    models.signals.post_delete.connect(fail, sender=CognitoUser)
    try:
        with pytest.raises(RuntimeError):
            link.delete()
    finally:
        models.signals.post_delete.disconnect(fail, sender=CognitoUser)
    assert (sent, FormerLink.objects.exists(), get_user_model().objects.count()) == ([], False, 1)
    assert not connection.in_atomic_block
