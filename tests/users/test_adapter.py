"""`UserAdapter`: the site decides who is created, which account is linked and what is filled, within fixed limits."""

import logging
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import aauthenticate, authenticate
from django.contrib.auth.models import User
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.db.models.signals import post_save
from django.test import AsyncClient, Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito.checks import check_settings
from django_cognito.conf.loading import get_pool_registry, get_settings
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import UserAdapter, UserRefusedError, linking
from django_cognito.users.accounts.adapter import get_adapter
from django_cognito.users.attributes.claim_sources import claims_from_tokens
from django_cognito.users.authentication import verify
from django_cognito.users.writing.bulk_provisioning import update_users
from django_cognito.users.writing.link_writes import update_link
from django_cognito.web.error_catalogue import CATALOGUE
from tests.support.callers import bearer
from tests.support.scenarios.login import finish_sign_in, read_error_code, start_sign_in, token_response
from tests.support.scenarios.users import directory_claims, link_of, token

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.entry_point_views")]
TENANT = {"custom:tenant": "acme"}


class ByEmployee(UserAdapter):
    """Links the account whose last name is the claim, and follows the tenant in the first name."""

    claims = ("custom:tenant",)

    def find_user(self, identity: Any) -> Any:
        employee = identity.claims.get("custom:employee")
        return User.objects.filter(last_name=employee).first() if employee else super().find_user(identity)

    def after_sync(self, user: Any, identity: Any, *, is_new: bool) -> None:
        assert connection.in_atomic_block
        user.first_name = f"{identity.claims.get('custom:tenant', '')} {'new' if is_new else 'old'}"


class WithStaff(ByEmployee):
    """Links staff too."""

    may_link_staff = True


class Invited(UserAdapter):
    """Creates no users, in words of its own."""

    def may_create_user(self, identity: Any) -> bool:
        return identity.username == "invited"

    def build_refusal(self, identity: Any) -> TokenError:
        return UserRefusedError("not_invited", "Ask a member for an invitation.", "Open the link in the invitation.")


class Filling(UserAdapter):
    """Fills the last name of a new user."""

    def fill_user(self, user: Any, identity: Any) -> None:
        assert (user.pk, user.username) == (None, "alice")
        user.last_name = identity.claims["custom:tenant"]
        user.set_password("a local password")


class Renaming(UserAdapter):
    """Refuses a user of another tenant whenever the claim is applied."""

    claims = ("custom:tenant",)

    def after_sync(self, user: Any, identity: Any, *, is_new: bool) -> None:
        user.last_name = "changed"
        if identity.claims.get("custom:tenant") == "closed":
            raise UserRefusedError("tenant_closed", "The organisation is closed.")


class Failing(UserAdapter):
    """Fails in the method that a test names."""

    method = ""

    def _fail(self, method: str) -> None:
        if method == self.method:
            raise RuntimeError("the value of a claim: secret@example.com")

    def find_user(self, identity: Any) -> Any:
        self._fail("find_user")
        return super().find_user(identity)

    def may_create_user(self, identity: Any) -> bool:
        self._fail("may_create_user")
        return super().may_create_user(identity)

    def fill_user(self, user: Any, identity: Any) -> None:
        self._fail("fill_user")

    def after_sync(self, user: Any, identity: Any, *, is_new: bool) -> None:
        self._fail("after_sync")


@pytest.fixture
def adapter(cognito: Any) -> Any:
    """Return a function that sets USER_ADAPTER to a class of this module, and other settings."""
    return lambda cls, **changes: cognito(USER_ADAPTER=f"{__name__}.{cls.__name__}", **changes)


def refused_code(call: Any) -> str:
    """Return the error code of a token that must be refused, after which no row has been written."""
    before = [list(model.objects.order_by("pk").values()) for model in (User, CognitoUser)]
    with pytest.raises(TokenError) as caught:
        call()
    assert before == [list(model.objects.order_by("pk").values()) for model in (User, CognitoUser)]
    return caught.value.code


# Creation


def test_fill_user_fills_a_new_user_before_its_first_save(user_from_token, adapter) -> None:
    adapter(Filling)
    saved: list[str] = []
    receive = lambda instance, **_: saved.append(instance.last_name)  # noqa: E731
    post_save.connect(receive, sender=User)
    try:
        user_from_token(token_use="id", **TENANT)
    finally:
        post_save.disconnect(receive, sender=User)
    assert saved == ["acme"]


def test_password_that_fill_user_sets_is_not_usable(user_from_token, adapter) -> None:
    adapter(Filling)
    assert not user_from_token(token_use="id", **TENANT).has_usable_password()


def test_user_who_may_not_be_created_is_refused_in_the_sites_words(user_from_token, adapter) -> None:
    adapter(Invited)
    assert refused_code(user_from_token) == "site.not_invited"
    assert user_from_token(username="invited").username == "invited"


def test_default_adapter_follows_create_users(user_from_token, cognito) -> None:
    assert type(get_adapter(get_settings())) is UserAdapter
    cognito(CREATE_USERS=False)
    assert refused_code(user_from_token) == "user_unknown"


@pytest.mark.parametrize("url", ["/api/", "/who/", "/who/async/"])
@pytest.mark.parametrize("client_class", [Client, AsyncClient])
@pytest.mark.usefixtures("cognito_keys")
def test_refusal_of_the_adapter_is_401_with_its_sentence(adapter, url: str, client_class: Any) -> None:
    adapter(Invited)
    get = client_class().get
    answer = (async_to_sync(get) if client_class is AsyncClient else get)(url, headers=bearer(make_token()))
    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    sentence = "Ask a member for an invitation."
    assert answer.json() == {"detail": sentence, "code": "site.not_invited", "login_url": "/auth/login/"}


@pytest.mark.usefixtures("cognito_keys")
def test_refusal_of_the_adapter_is_no_user_of_the_backend(adapter) -> None:
    adapter(Invited)
    assert authenticate(None, cognito_token=make_token()) is None
    assert async_to_sync(aauthenticate)(None, cognito_token=make_token()) is None


@pytest.mark.parametrize("next_url", ["/who/", "/admin/"])
def test_refusal_of_the_adapter_is_the_page_of_a_sign_in(
    client: Client, token_endpoint: ScriptedServer, adapter, next_url: str
) -> None:
    adapter(Invited)
    params = start_sign_in(client, next=next_url)
    token_endpoint.script(token_response(nonce=params["nonce"]))
    answer = finish_sign_in(client, params)
    assert (answer.status_code, read_error_code(answer)) == (403, "site.not_invited")
    text = answer.content.decode()
    assert "Ask a member for an invitation." in text
    assert "Open the link in the invitation." in text


@pytest.mark.usefixtures("cognito_keys")
def test_refusal_without_a_remedy_names_the_administrator(
    client: Client, token_endpoint: ScriptedServer, adapter
) -> None:
    adapter(Renaming)
    params = start_sign_in(client)
    token_endpoint.script(token_response(nonce=params["nonce"], both={"custom:tenant": "closed"}))
    assert "Ask the site administrator for access." in finish_sign_in(client, params).content.decode()


# An existing account


@pytest.fixture
def employee() -> User:
    """Return a local account that ByEmployee links."""
    user: User = User.objects.create_user("local", "local@example.com", "a password", last_name="E7")
    return user


def test_account_of_find_user_is_linked_and_loses_its_password(user_from_token, adapter, employee) -> None:
    adapter(ByEmployee)
    user = user_from_token(token_use="id", **{"custom:employee": "E7"})
    assert (user, User.objects.count()) == (employee, 1)
    assert not User.objects.get().has_usable_password()
    assert link_of(employee).username == "alice"


def test_account_of_find_user_keeps_its_password_by_setting(user_from_token, adapter, employee) -> None:
    adapter(ByEmployee, LINKING_KEEPS_PASSWORD=True)
    user_from_token(token_use="id", **{"custom:employee": "E7"})
    assert User.objects.get().check_password("a password")


def test_find_user_without_a_match_links_by_verified_email(user_from_token, adapter, employee) -> None:
    adapter(ByEmployee, LINK_BY_VERIFIED_EMAIL=True)
    assert user_from_token(token_use="id", email="local@example.com") == employee


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"is_staff": True}, "account_not_linkable"),
        ({"is_superuser": True}, "account_not_linkable"),
        ({"is_active": False}, "user_inactive"),
    ],
)
def test_privileged_or_disabled_account_of_find_user_is_refused(
    user_from_token, adapter, employee, change: Any, code: str
) -> None:
    adapter(ByEmployee)
    User.objects.update(**change)
    assert refused_code(lambda: user_from_token(token_use="id", **{"custom:employee": "E7"})) == code


def test_staff_account_is_linked_if_the_adapter_says_so(user_from_token, adapter, employee) -> None:
    adapter(WithStaff)
    User.objects.update(is_staff=True)
    assert user_from_token(token_use="id", **{"custom:employee": "E7"}) == employee


@pytest.mark.parametrize("is_former", [False, True])
@pytest.mark.parametrize("adapter_class", [ByEmployee, WithStaff])
def test_account_with_a_link_in_the_pool_is_not_linked_again(
    user_from_token, adapter, employee, is_former: bool, adapter_class: Any
) -> None:
    adapter(adapter_class)
    user_from_token(token_use="id", **{"custom:employee": "E7"})
    if is_former:
        User.objects.get().cognito_users.get().delete()
    attacker = {"username": "mallory", "token_use": "id", "custom:employee": "E7"}
    assert refused_code(lambda: user_from_token(**attacker)) == "account_not_linkable"


def test_account_with_a_link_in_another_pool_is_linked(user_from_token, adapter, employee) -> None:
    adapter(ByEmployee)
    moment = link_of(user_from_token()).as_of
    CognitoUser.objects.create(user=employee, user_pool_id="eu-west-1_Old", sub="1", username="old", as_of=moment)
    assert user_from_token(username="new", token_use="id", **{"custom:employee": "E7"}) == employee


def test_account_is_checked_as_its_row_is_now(user_from_token, adapter, employee, monkeypatch) -> None:
    adapter(ByEmployee)
    User.objects.update(is_staff=True)  # `employee` was read before
    monkeypatch.setattr(ByEmployee, "find_user", lambda *_: employee)
    assert refused_code(user_from_token) == "account_not_linkable"


def test_account_that_was_deleted_meanwhile_is_refused(user_from_token, adapter, employee, monkeypatch) -> None:
    adapter(ByEmployee)
    monkeypatch.setattr(ByEmployee, "find_user", lambda *_: User(pk=employee.pk + 1))
    assert refused_code(user_from_token) == "account_not_linkable"


def test_find_user_that_returns_no_user_is_an_error(user_from_token, adapter, monkeypatch) -> None:
    adapter(ByEmployee)
    monkeypatch.setattr(ByEmployee, "find_user", lambda *_: "alice")
    with pytest.raises(TypeError, match="must return a user or None, not str"):
        user_from_token()
    assert not User.objects.exists()


def test_reason_of_an_account_that_is_not_linkable_is_logged(user_from_token, adapter, employee, caplog) -> None:
    adapter(ByEmployee)
    User.objects.update(is_staff=True)
    refused_code(lambda: user_from_token(token_use="id", **{"custom:employee": "E7"}))
    assert "was not linked: it is staff" in caplog.text
    assert "E7" not in caplog.text


# After a change


def test_after_sync_is_called_for_a_new_user_and_its_fields_are_saved(user_from_token, adapter) -> None:
    adapter(ByEmployee)
    user_from_token(token_use="id", **TENANT)
    assert User.objects.get().first_name == "acme new"


def test_after_sync_is_called_when_a_claim_of_the_adapter_changes(user_from_token, adapter) -> None:
    adapter(ByEmployee, ATTRIBUTES={})
    user_from_token(token_use="id", at=-10, **TENANT)
    user_from_token(token_use="id", at=-5, **{"custom:tenant": "zen"})
    assert User.objects.get().first_name == "zen old"


def test_after_sync_is_not_called_without_a_change(user_from_token, adapter, monkeypatch, writes) -> None:
    adapter(ByEmployee)
    user_from_token(token_use="id", at=-10, **TENANT)
    monkeypatch.setattr(ByEmployee, "after_sync", None)
    with writes(0):
        user_from_token(token_use="id", at=-10, **TENANT)
    with writes(1):  # `as_of` only
        user_from_token(token_use="id", at=-5, **TENANT)


def test_after_sync_is_not_called_under_the_lock_without_a_change(user_from_token, adapter, monkeypatch) -> None:
    adapter(ByEmployee)
    link = link_of(user_from_token(token_use="id", at=-10, **TENANT))
    monkeypatch.setattr(ByEmployee, "after_sync", None)
    newer, _ = verify(token(token_use="id", at=-5, **TENANT), token_use="id")
    written = update_link(link, claims_from_tokens(newer, None, get_settings()), get_settings())  # type: ignore[arg-type]
    assert written.as_of > link.as_of


def test_new_adapter_of_a_site_is_applied_to_existing_users(user_from_token, adapter) -> None:
    user_from_token(token_use="id", at=-10, **TENANT)
    adapter(ByEmployee)
    user_from_token(token_use="id", at=-5, **TENANT)
    assert User.objects.get().first_name == "acme old"


def test_new_adapter_without_claims_is_applied_to_existing_users(user_from_token, adapter, monkeypatch) -> None:
    user_from_token(token_use="id", at=-10)
    adapter(Failing)
    monkeypatch.setattr(Failing, "method", "after_sync")
    with pytest.raises(RuntimeError):
        user_from_token(token_use="id", at=-5)


def test_after_sync_is_called_for_an_account_that_the_user_links(user_from_token, adapter, employee) -> None:
    adapter(ByEmployee)
    token, profile = verify(make_token(), id_token=make_token(token_use="id", **TENANT))
    linking.link(employee, token, profile)  # type: ignore[arg-type]
    assert User.objects.get().first_name == "acme old"


def test_refusal_after_sync_writes_nothing(user_from_token, adapter) -> None:
    adapter(Renaming)
    user_from_token(token_use="id", at=-10, given_name="Alice", **TENANT)
    closed = {"at": -5, "given_name": "Mallory", "custom:tenant": "closed"}
    assert refused_code(lambda: user_from_token(token_use="id", **closed)) == "site.tenant_closed"


def test_refused_user_of_a_directory_page_is_skipped(user_from_token, adapter) -> None:
    adapter(Invited)
    page = [directory_claims(username=name) for name in ("alice", "invited")]
    assert update_users(page, create=True).changed == 1
    assert [user.username for user in User.objects.all()] == ["invited"]


def test_each_user_pool_has_its_own_adapter(settings: Any) -> None:
    pools = {
        "acme": {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1acme", "USER_ADAPTER": f"{__name__}.Invited"},
        "zen": {"USER_POOL_ID": "us-east-1_ZenPool01", "CLIENT_ID": "1zen"},
    }
    settings.COGNITO = {"POOLS": pools}
    adapters = {alias: get_adapter(pool) for alias, pool in get_pool_registry().by_alias.items()}
    assert [type(adapter) for adapter in adapters.values()] == [Invited, UserAdapter]
    assert adapters["acme"].settings.user_pool_id == "eu-west-1_AcmePool1"


# Errors


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("method", ["find_user", "may_create_user", "fill_user", "after_sync"])
def test_error_in_a_method_rolls_back_and_is_logged_by_name(
    user_from_token, adapter, monkeypatch, caplog, method: str
) -> None:
    adapter(Failing)
    monkeypatch.setattr(Failing, "method", method)
    with caplog.at_level(logging.DEBUG), pytest.raises(RuntimeError):
        user_from_token(token_use="id")
    assert not any(model.objects.exists() for model in (User, CognitoUser))
    assert f"Failing.{method} of USER_ADAPTER raised RuntimeError" in caplog.text
    assert "secret@example.com" not in "".join(caplog.messages)


@pytest.mark.django_db(transaction=True)
def test_error_after_sync_of_an_existing_user_rolls_back(user_from_token, adapter, monkeypatch) -> None:
    user_from_token(token_use="id", at=-10, given_name="Alice")
    adapter(Failing)
    monkeypatch.setattr(Failing, "method", "after_sync")
    before = link_of(User.objects.get()).id_digest
    with pytest.raises(RuntimeError):
        user_from_token("editors", token_use="id", given_name="Bob")
    assert (User.objects.get().first_name, link_of(User.objects.get()).id_digest) == ("Alice", before)


@pytest.mark.parametrize("slug", ["", "No", "a b", "a.b", "1a", "a" * 51, "site:x", "é"])
def test_refusal_with_an_invalid_slug_is_an_error(slug: str) -> None:
    with pytest.raises(ValueError, match="expected a slug"):
        UserRefusedError(slug, "No.")


def test_code_of_a_refusal_is_none_of_the_package() -> None:
    assert UserRefusedError("user_unknown", "No.").code == "site.user_unknown"
    assert [code for code in CATALOGUE if "." in code] == []


@pytest.mark.parametrize("path", ["tests.users.test_adapter.TENANT", "django_cognito.models.CognitoUser"])
def test_adapter_that_is_no_subclass_is_improperly_configured(cognito, path: str) -> None:
    cognito(USER_ADAPTER=path)
    with pytest.raises(ImproperlyConfigured, match="expected a subclass of UserAdapter"):
        get_adapter(get_settings())


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("", None),
        (f"{__name__}.Invited", None),
        ("django_cognito.users.UserAdapter", None),
        ("tests.no_such_module.Adapter", "cannot be imported"),
        ("Invited", "cannot be imported"),
        (f"{__name__}.NoAdapter", "cannot be imported"),
        (f"{__name__}.TENANT", "is no subclass"),
        (f"{__name__}.refused_code", "is no subclass"),
        (f"{__name__}.OneClaim", "is not a tuple"),
    ],
)
def test_user_adapter_that_cannot_work_is_a_check_error(cognito, path: str, message: str | None) -> None:
    cognito(USER_ADAPTER=path)
    errors = [error for error in check_settings(None) if error.id == "django_cognito.E050"]
    assert [message in str(error.msg) and path in str(error.msg) for error in errors] == [True] * bool(message)


class OneClaim(UserAdapter):
    """Has a string for a tuple of names."""

    claims = "custom:tenant"  # type: ignore[assignment]
