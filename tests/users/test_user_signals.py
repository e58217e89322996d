"""The signals about users: sent once on commit by each path that writes, never without a change or after a rollback."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction
from django.db.models.signals import post_save
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito import signals
from django_cognito.authorization import group_expiry
from django_cognito.core.errors import SignInError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from django_cognito.testing import make_token, sign_in
from django_cognito.users import linking
from django_cognito.users.authentication import authenticate, verify
from django_cognito.users.writing.bulk_provisioning import update_users
from django_cognito.users.writing.provisioning import link_to_user, reapply_claims
from django_cognito.users.writing.request_writes import collect_writes
from tests.support.callers import bearer, with_id_token
from tests.support.scenarios.login import change_login, finish_sign_in, post_logout, start_sign_in, token_response
from tests.support.scenarios.users import directory_claims, link_of, token

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.entry_point_views")]
USER_SIGNALS = ("user_created", "user_synced", "groups_changed", "account_linked", "account_unlinked", "signed_in")
CREATED = ["user_created", "user_synced"]


@pytest.fixture
def sent() -> Iterator[list[tuple[str, dict[str, Any]]]]:
    """Yield the name and the arguments of each signal about users, in their order."""
    received: list[tuple[str, dict[str, Any]]] = []
    receivers = {}
    for name in USER_SIGNALS:

        def receive(sender: Any, signal: Any, name: str = name, **arguments: Any) -> None:
            assert sender is None
            received.append((name, arguments))

        receivers[name] = receive
        getattr(signals, name).connect(receive)
    yield received
    for name, receive in receivers.items():
        getattr(signals, name).disconnect(receive)


def names_in(sent: list[tuple[str, dict[str, Any]]]) -> list[str]:
    """Return the names of the signals that were sent, and forget them."""
    names = [name for name, _ in sent]
    sent.clear()
    return names


# Each path that writes


@pytest.mark.parametrize("url", ["/api/", "/who/", "/who/async/"])
@pytest.mark.usefixtures("cognito_keys")
def test_first_bearer_token_sends_user_created_once(client: Client, sent, url: str) -> None:
    headers = with_id_token(make_token(groups=["a"]), make_token(token_use="id", groups=["a"]))
    for _ in range(3):
        assert client.get(url, headers=headers).status_code == 200
    assert names_in(sent) == [*CREATED, "groups_changed"]


def test_user_created_has_user_and_claims(user_from_token, sent) -> None:
    user = user_from_token(profile={"given_name": "Alice", "custom:tenant": "acme"})
    name, arguments = sent[0]
    claims = arguments.pop("claims")
    assert (name, arguments) == ("user_created", {"user": user, **_ids_of(user)})
    assert (claims["given_name"], claims["custom:tenant"], claims["email_verified"]) == ("Alice", "acme", True)


def test_user_synced_of_a_new_user_has_the_fields(user_from_token, sent) -> None:
    user = user_from_token("admins", profile={"given_name": "Alice"})
    arguments = dict(sent)["user_synced"]
    assert arguments["created"] is True
    changes = arguments["changes"]
    assert changes == {"username": ("", "alice"), "email": ("", "alice@example.com"), "first_name": ("", "Alice")}
    assert arguments["user"] == user


def test_user_synced_of_a_change_has_old_and_new_values(user_from_token, sent, mapped) -> None:
    user = user_from_token(token_use="id", at=-10, given_name="Alice")
    sent.clear()
    user_from_token("admins", token_use="id", given_name="Al")
    arguments = dict(sent)["user_synced"]
    flags = {"is_staff": (False, True), "is_superuser": (False, True)}
    assert arguments["changes"] == {"first_name": ("Alice", "Al"), **flags}
    assert (arguments["created"], arguments["user"], arguments["claims"]["given_name"]) == (False, user, "Al")


def test_groups_changed_has_added_removed_and_all_groups(user_from_token, sent) -> None:
    user = user_from_token("a", "b", at=-10)
    sent.clear()
    user_from_token("b", "c")
    expected = {"added": ("c",), "removed": ("a",), "groups": ("b", "c")}
    assert sent == [("groups_changed", {"user": user, **_ids_of(user), **expected})]


def test_newer_token_without_a_change_sends_nothing(user_from_token, sent) -> None:
    user_from_token("a", token_use="id", at=-10)
    sent.clear()
    user_from_token("a", token_use="id", at=-5)
    user_from_token("a", token_use="id", at=-5)
    assert sent == []


def test_other_order_of_groups_sends_nothing(user_from_token, sent) -> None:
    user_from_token("a", "b", at=-10)
    sent.clear()
    user_from_token("b", "a")
    assert sent == []


def test_sign_in_sends_created_and_signed_in(client: Client, token_endpoint: ScriptedServer, sent) -> None:
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302
    arguments = dict(sent)["signed_in"]
    request = arguments.pop("request")
    user = User.objects.get()
    assert arguments == {"user": user, "cognito_user": link_of(user)}
    assert request.path == "/auth/callback/"
    assert request.session[store.SESSION_KEY] == str(CognitoLogin.objects.get().pk)
    assert names_in(sent) == [*CREATED, "signed_in"]


def test_second_sign_in_sends_signed_in_only(client: Client, token_endpoint: ScriptedServer, sent) -> None:
    sign_in(client, iat=1_700_000_000, auth_time=1_700_000_000)
    sent.clear()
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    assert finish_sign_in(client, params).status_code == 302
    assert names_in(sent) == ["signed_in"]


def test_refused_sign_in_sends_no_user_signal(client: Client, token_endpoint: ScriptedServer, sent) -> None:
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce="another"))
    assert finish_sign_in(client, params).status_code == 403
    assert sent == []


def test_refresh_sends_user_synced_once(client: Client, token_endpoint: ScriptedServer, sent) -> None:
    sign_in(client, refresh_token="r", given_name="Old", iat=1_700_000_000)
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    sent.clear()
    token_endpoint.script(token_response(id_token=make_token(token_use="id", given_name="New")))
    for _ in range(2):
        assert client.get("/who/").content == b"alice"
    assert [(name, arguments["changes"]) for name, arguments in sent] == [
        ("user_synced", {"first_name": ("Old", "New")})
    ]


def test_directory_page_sends_the_signals_of_each_user(user_from_token, sent) -> None:
    user_from_token("a", at=-10)
    sent.clear()
    page = [directory_claims("b", given_name="Alice"), directory_claims("c", username="bob")]
    update_users(page, create=True)
    update_users(page, create=True)
    assert names_in(sent) == ["user_synced", "groups_changed", *CREATED, "groups_changed"]


def test_linking_sends_account_linked_and_the_changes(sent, cognito_keys) -> None:
    owner = User.objects.create_user("owner")
    token_, profile = verify(make_token(groups=["a"]), id_token=make_token(token_use="id", groups=["a"]))
    linking.link(owner, token_, profile)  # type: ignore[arg-type]
    authenticate(make_token(groups=["a"]))
    assert names_in(sent) == ["account_linked", "user_synced", "groups_changed"]


def test_unlinking_sends_the_removed_groups(user_from_token, sent) -> None:
    user = user_from_token("a", "b")
    user.set_password("a local password")
    user.save()
    sent.clear()
    linking.unlink(user, link_of(user).pk)
    assert [name for name, _ in sent] == ["groups_changed", "account_unlinked"]
    assert (sent[0][1]["removed"], sent[0][1]["groups"]) == (("a", "b"), ())


def test_moved_link_sends_the_groups_of_both_users(user_from_token, sent) -> None:
    first, second = user_from_token("a"), User.objects.create_user("second")
    sent.clear()
    link = link_of(first)
    link.user = second
    link.save()
    groups = [(arguments["user"], arguments["groups"]) for name, arguments in sent if name == "groups_changed"]
    assert groups == [(first, ()), (second, ("a",))]


def test_expired_groups_send_groups_changed(user_from_token, sent) -> None:
    user_from_token("a")
    CognitoUser.objects.update(as_of="2020-01-01T00:00:00Z")
    sent.clear()
    group_expiry.expire_all_remembered_groups()
    assert [(name, arguments["removed"]) for name, arguments in sent] == [("groups_changed", ("a",))]


# On commit


@pytest.mark.parametrize("is_rolled_back", [True, False])
@pytest.mark.usefixtures("cognito_keys")
def test_signals_of_a_view_that_is_rolled_back_are_not_sent(sent, is_rolled_back: bool) -> None:
    with transaction.atomic():
        authenticate(token("a", token_use="id"), token_use="id")
        assert sent == []
        transaction.set_rollback(is_rolled_back)
    assert names_in(sent) == ([] if is_rolled_back else [*CREATED, "groups_changed"])


def test_claims_that_are_applied_again_send_the_signal_once(user_from_token, sent) -> None:
    user_from_token("a", at=-10)
    sent.clear()
    with collect_writes() as written, transaction.atomic():
        user_from_token(at=-5)
        transaction.set_rollback(True)
    for _ in range(2):
        reapply_claims(written)
    assert names_in(sent) == ["groups_changed"]


def test_signed_in_of_a_sign_in_that_is_rolled_back_is_not_sent(client: Client, sent, cognito_keys) -> None:
    with transaction.atomic():
        sign_in(client)
        transaction.set_rollback(True)
    assert sent == []


def test_link_that_fails_sends_nothing(user_from_token, sent) -> None:
    owner = User.objects.create_user("owner")
    from django_cognito.conf.loading import get_settings

    User.objects.all().delete()
    with pytest.raises(SignInError):
        link_to_user(directory_claims("a"), owner, get_settings())
    assert sent == []


def test_failing_receiver_changes_no_result(user_from_token) -> None:
    def fail(**_: Any) -> None:
        raise ZeroDivisionError

    signals.user_created.connect(fail)
    try:
        assert user_from_token().username == "alice"
    finally:
        signals.user_created.disconnect(fail)


def test_no_user_signal_contains_a_token(client: Client, token_endpoint: ScriptedServer, sent) -> None:
    params = start_sign_in(client)
    answer = token_response(nonce=params["nonce"], both={"groups": ["a"]})
    token_endpoint.script(answer)
    assert finish_sign_in(client, params).status_code == 302
    for _, arguments in sent:
        shown = repr({name: value for name, value in arguments.items() if name != "request"})
        assert "eyJ" not in shown
        assert "a-refresh-token" not in shown
        assert "password" not in arguments.get("changes", {})


@pytest.mark.parametrize("end", ["sign_out", "login_ended"])
def test_signed_out_has_the_request_of_a_sign_out(client: Client, token_endpoint: ScriptedServer, end: str) -> None:
    received: list[dict[str, Any]] = []
    receive = lambda signal, sender, **arguments: received.append(arguments)  # noqa: E731
    user = sign_in(client, refresh_token="r")
    link = link_of(user)
    signals.signed_out.connect(receive)
    try:
        if end == "sign_out":
            post_logout(client)
        else:
            change_login(CognitoLogin.objects.get(), ends_in=-5)
            token_endpoint.script(token_response(access_token="no token"))
            client.get("/who/")
    finally:
        signals.signed_out.disconnect(receive)
    (arguments,) = received
    request = arguments.pop("request")
    assert arguments == {"user": user, "cognito_users": (link,), "everywhere": False, "reason": end}
    assert (request.path if request else None) == ("/auth/logout/" if end == "sign_out" else None)


@pytest.mark.usefixtures("cognito_keys")
def test_machine_client_sends_no_user_signal(client: Client, sent) -> None:
    client.get("/who/", headers=bearer(make_token(username=None, scope="orders/read")))
    assert sent == []


def _ids_of(user: Any) -> dict[str, str]:
    link = link_of(user)
    return {"user_pool_id": link.user_pool_id, "sub": link.sub}


def test_receiver_that_reads_the_link_again_loses_no_change(user_from_token, mapped) -> None:
    def refresh(instance: CognitoUser, **_: Any) -> None:
        instance.refresh_from_db()

    user_from_token("admins", token_use="id", at=-10, given_name="Ada")
    post_save.connect(refresh, sender=CognitoUser)
    try:
        user_from_token(token_use="id", given_name="Grace")
    finally:
        post_save.disconnect(refresh, sender=CognitoUser)
    user = User.objects.get()
    assert (user.first_name, user.is_staff, user.is_superuser) == ("Grace", False, False)
