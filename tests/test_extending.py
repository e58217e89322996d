"""The page "Extending user creation": the code of each row of its table has the effect that the page states."""

import logging
import re
import sys
import types
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core import mail
from django.db.models.signals import pre_save
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer

from django_cognito import signals
from django_cognito.core.errors import TokenError
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.testing import make_token, sign_in
from tests.support import source
from tests.support.callers import bearer
from tests.support.pages import function_of_page
from tests.support.scenarios.login import change_login, post_logout, token_response
from tests.support.scenarios.users import link_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.support.entry_point_views")]
PAGE = "extending"
MODULE = "docs_extending"
# The test of each row of the table, by the row's first column.
ROWS: dict[str, Callable[..., None]] = {}


def row(task: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register the test of a row."""

    def register(test: Callable[..., None]) -> Callable[..., None]:
        ROWS[task] = test
        return test

    return register


@pytest.fixture
def adapter(cognito: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that sets USER_ADAPTER to a class of the page."""

    def use(name: str, **settings: Any) -> None:
        module = types.ModuleType(MODULE)
        setattr(module, name, function_of_page(PAGE, name))
        monkeypatch.setitem(sys.modules, MODULE, module)
        cognito(USER_ADAPTER=f"{MODULE}.{name}", **settings)

    return use


@contextmanager
def receivers_of_page(name: str, *names: str) -> Iterator[None]:
    """Connect the receivers of the page's block that defines `name`, which it does itself; then disconnect them."""
    all_signals = [getattr(signals, signal) for signal in names]
    before = [list(signal.receivers) for signal in all_signals]
    receiver = function_of_page(PAGE, name)
    try:
        yield
    finally:
        del receiver
        for signal, receivers in zip(all_signals, before, strict=True):
            signal.receivers = receivers
            signal.sender_receivers_cache.clear()


def test_every_row_of_the_table_has_a_test() -> None:
    text = source.path_of(f"docs/{PAGE}.md").read_text()
    table = text[text.index("| task |") : text.index("\n\n## ")]
    assert [line.split("|")[1].strip() for line in table.splitlines()[2:]] == list(ROWS)


def test_every_adapter_of_the_page_is_documented_in_ten_lines() -> None:
    text = source.path_of(f"docs/{PAGE}.md").read_text()
    blocks = re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)
    assert max(len(re.findall(r"^.*\S.*$", block, re.M)) for block in blocks) <= 13  # with the imports


@row("choose the username")
def test_page_username_setting_names_api_first_users_too(user_from_token, settings: Any) -> None:
    documented = function_of_page_setting("choose the username")
    settings.COGNITO = {**settings.COGNITO, "USERNAME": documented["USERNAME"]}
    assert user_from_token(at=-10).username == "alice"
    assert user_from_token(token_use="id").username == "alice@example.com"


@row("decide who is created")
def test_page_invitation_adapter_creates_employees_only(client: Client, adapter, user_from_token) -> None:
    adapter("InvitationAdapter")
    assert user_from_token(token_use="id").username == "alice"
    for email, verified in [("mallory@example.org", True), ("mallory@example.com", False)]:
        with pytest.raises(TokenError) as caught:
            user_from_token(token_use="id", username="mallory", email=email, email_verified=verified)
        assert caught.value.code == "site.not_invited"
    assert User.objects.count() == 1


@row("find an existing user")
def test_page_employee_adapter_links_the_account(adapter, user_from_token) -> None:
    adapter("EmployeeAdapter")
    employee = User.objects.create_user("employee-7", password="a local password")
    assert user_from_token(token_use="id", **{"custom:employee": "7"}) == employee
    assert not User.objects.get().has_usable_password()
    for claim in ("", None, ["7"], "8"):
        assert user_from_token(token_use="id", username=f"eve {claim}", **{"custom:employee": claim}) != employee


@row("fill a new user")
def test_page_department_adapter_fills_the_field_before_the_save(adapter, user_from_token) -> None:
    adapter("DepartmentAdapter")
    saved: list[Any] = []
    receive = lambda instance, **_: saved.append(instance.department)  # noqa: E731
    pre_save.connect(receive, sender=User)
    try:
        user_from_token(token_use="id", **{"custom:department": "d" * 60})
        with pytest.raises(TokenError) as caught:
            user_from_token(username="bob")
    finally:
        pre_save.disconnect(receive, sender=User)
    assert (saved, caught.value.code) == (["d" * 50], "site.no_department")


@row("update a user")
def test_page_title_adapter_follows_the_claim(adapter, user_from_token) -> None:
    adapter("TitleAdapter")
    user_from_token(token_use="id", at=-10, family_name="Liddell")
    user_from_token(token_use="id", at=-5, family_name="Liddell", **{"custom:title": "Dr."})
    assert User.objects.get().last_name == "Dr. Liddell"


@row("refuse an existing user")
def test_page_closed_tenant_adapter_refuses_existing_users(
    client: Client, adapter, token_endpoint: ScriptedServer
) -> None:
    adapter("ClosedTenantAdapter")
    sign_in(client, refresh_token="r", iat=1_700_000_000, **{"custom:tenant": "open"})
    assert client.get("/who/").content == b"alice"
    change_login(CognitoLogin.objects.get(), ends_in=-5)
    closed = {"custom:tenant": "closed"}
    token_endpoint.script(token_response(id_token=make_token(token_use="id", **closed)))
    assert client.get("/who/").content == b"nobody"  # the session ended with its refresh
    headers = {**bearer(make_token()), "x-cognito-id-token": make_token(token_use="id", **closed)}
    assert [client.get("/api/", headers=headers).json()["code"] for _ in range(2)] == ["site.tenant_closed"] * 2


@row("act on a new user")
# Django 6.1 warns if MAILERS is not set; Django 5.2 does not have it.
@pytest.mark.filterwarnings("ignore:Django 2028 will not have a default mailer")
def test_page_welcome_mail_is_sent_once(user_from_token) -> None:
    with receivers_of_page("send_welcome_mail", "user_created"):
        for _ in range(2):
            user_from_token(token_use="id")
    assert [message.to for message in mail.outbox] == [["alice@example.com"]]


@row("act on a change")
def test_page_audit_log_has_the_changed_fields(user_from_token, caplog) -> None:
    with receivers_of_page("log_changed_fields", "user_synced"), caplog.at_level(logging.INFO, "mysite.audit"):
        user = user_from_token(token_use="id", at=-10)
        user_from_token(token_use="id", given_name="Alice")
    assert [record.getMessage() for record in caplog.records if record.name == "mysite.audit"] == [
        f"user {user.pk}: changed ['first_name']"
    ]


@row("act on changed groups")
def test_page_newsletter_follows_the_groups(user_from_token) -> None:
    with receivers_of_page("update_newsletter", "groups_changed"):
        newsletter = next(
            reference().__globals__["newsletter"] for _, reference, *_ in signals.groups_changed.receivers
        )
        user = user_from_token("subscribers", at=-10)
        assert newsletter == {user.pk}
        user_from_token()
        assert newsletter == set()


@row("act on a sign-in")
def test_page_audit_log_has_sign_in_and_sign_out(client: Client, cognito_keys, caplog) -> None:
    with (
        receivers_of_page("log_sign_in", "signed_in", "signed_out"),
        caplog.at_level(logging.INFO, "mysite.audit"),
    ):
        user = sign_in(client)
        client.get("/who/", headers=bearer(make_token()))
        post_logout(client)
    messages = [record.getMessage() for record in caplog.records if record.name == "mysite.audit"]
    assert messages == ["alice (eu-west-1_TestPool1) signed in from 127.0.0.1", f"user {user.pk}: sign_out"]


def function_of_page_setting(heading: str) -> dict[str, Any]:
    """Return the COGNITO setting below a heading of the page."""
    text = source.path_of(f"docs/{PAGE}.md").read_text()
    section = re.split(rf"^## {heading}$", text, flags=re.M | re.I)[1]
    namespace: dict[str, Any] = {}
    exec(section.partition("```python\n")[2].partition("```")[0], namespace)
    return dict(namespace["COGNITO"])


# docs/groups.md, "Disable or delete a user"


@pytest.mark.parametrize("caller", ["bearer", "session"])
def test_disabled_user_is_locked_out_at_once_and_stays_linked(client: Client, cognito_keys, caller: str) -> None:
    user = sign_in(client)
    User.objects.update(is_active=False)
    if caller == "bearer":
        answer = client.get("/api/", headers=bearer(make_token()))
        assert (answer.status_code, answer.json()["code"]) == (401, "user_inactive")
    else:
        assert client.get("/who/").content == b"nobody"
    assert (User.objects.count(), link_of(user).user_id) == (1, user.pk)


def test_deleted_user_is_created_again_by_the_same_token(client: Client, cognito_keys) -> None:
    headers = bearer(make_token(username="eve"))
    assert client.get("/api/", headers=headers).json() == "eve"
    before = User.objects.get().pk
    User.objects.all().delete()
    assert not CognitoUser.objects.exists()
    assert client.get("/api/", headers=headers).json() == "eve"
    assert User.objects.get().pk != before


def test_deleted_user_is_not_created_again_without_create_users(client: Client, cognito_keys, cognito) -> None:
    headers = bearer(make_token(username="eve"))
    client.get("/api/", headers=headers)
    User.objects.all().delete()
    cognito(CREATE_USERS=False)
    answer = client.get("/api/", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (401, "user_unknown")
