"""docs/faq.md: each answer that names a setting is true, for each setting that it names.

A test proves an answer with `@pytest.mark.faq("<question>", "<key of COGNITO>", ...)`.
"""

import json
import re
import time
from collections.abc import Callable
from dataclasses import fields
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from local_cognito_support.scripted_server import ScriptedServer, Silence, json_answer

from django_cognito import factories
from django_cognito.conf.loading import get_settings
from django_cognito.conf.schema import CognitoSettings
from django_cognito.conf.validation import find_problems
from django_cognito.core.http import client as http_client
from django_cognito.core.http.deadline import Deadline
from django_cognito.models import CognitoUser
from django_cognito.sessions.refresh.limit import get_refresh_limit
from django_cognito.testing import make_token, sign_in
from django_cognito.users import UserAdapter
from tests.support.callers import bearer
from tests.support.guide import GUIDE
from tests.support.scenarios.login import (
    create_login,
    finish_sign_in,
    read_query,
    refusal,
    start_sign_in,
    token_response,
    username_at,
)
from tests.support.two_pools import TwoPools

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]
KEYS = {item.name.upper() for item in fields(CognitoSettings) if item.init} | {"POOLS"}
TIMEOUT_SECONDS = 0.2
Configure = Callable[..., None]


class ShoutingAdapter(UserAdapter):
    """Sets a field of a new user."""

    def fill_user(self, user: Any, identity: Any) -> None:
        user.last_name = identity.username.upper()


@pytest.fixture
def configure(cognito: Configure, cognito_keys: None) -> Configure:
    """Return the function that changes settings; tokens of the test kit are accepted."""
    return cognito


def read_answers() -> dict[str, str]:
    """Return the answer of each question of the page."""
    page = (GUIDE / "faq.md").read_text()
    return dict(re.findall(r"^\*\*(.+?\?)\*\* (.+?)(?=\n\n|\Z)", page, re.M | re.S))


def find_keys(answer: str) -> set[str]:
    """Return the settings that an answer names in backticks."""
    return {word for code in re.findall(r"`([^`]+)`", answer) for word in re.findall(r"\w+", code)} & KEYS


def read_marks() -> dict[str, set[str]]:
    """Return the settings that the tests of this file prove, by question."""
    keys: dict[str, set[str]] = {}
    for mark in (mark for test in globals().values() for mark in getattr(test, "pytestmark", ())):
        if mark.name == "faq":
            keys.setdefault(mark.args[0], set()).update(mark.args[1:])
    return keys


def get_code(response: Any) -> str:
    """Return the code of a JSON error; "ok" for another response."""
    return str(response.json()["code"]) if response["Content-Type"] == "application/json" else "ok"


def send_token(client: Client | None = None, **claims: Any) -> Any:
    return (client or Client()).get("/who/", headers=bearer(make_token(**claims)))


def test_each_answer_that_names_a_setting_has_a_test() -> None:
    answers = {question: find_keys(answer) for question, answer in read_answers().items()}
    assert len(answers) > 40
    assert read_marks() == {question: keys for question, keys in answers.items() if keys}


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        ("`POOLS` and [`GROUPS`](groups.md)", {"POOLS", "GROUPS"}),
        ('`"USERNAME": "email"`', {"USERNAME"}),
        ("GROUPS, `request.user` and `GROUPS_OF_OTHERS`", set()),
    ],
)
def test_settings_of_an_answer_are_those_in_backticks(answer: str, keys: set[str]) -> None:
    assert find_keys(answer) == keys


@pytest.mark.faq("What happens if Cognito is down or slow?", "HTTP_TIMEOUT_SECONDS")
def test_request_to_a_silent_cognito_is_503_after_the_timeout(
    cognito: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    deadlines: list[float] = []
    monkeypatch.setattr(http_client, "Deadline", lambda seconds: (deadlines.append(seconds), Deadline(seconds))[1])
    with ScriptedServer() as server:
        cognito(HTTP_TIMEOUT_SECONDS=TIMEOUT_SECONDS, JWKS_URI=f"{server.url}/keys.json")
        server.script(*[Silence()] * 5)
        response = send_token()
    assert (response.status_code, get_code(response)) == (503, "cognito_unavailable")
    assert response["Retry-After"]
    assert set(deadlines) == {TIMEOUT_SECONDS}


@pytest.mark.faq("What happens if Cognito is down or slow?", "TOKEN_TIMEOUT_SECONDS")
def test_sign_in_at_a_silent_token_endpoint_is_503(
    client: Client, configure: Configure, token_endpoint: ScriptedServer
) -> None:
    configure(TOKEN_TIMEOUT_SECONDS=TIMEOUT_SECONDS)
    params = start_sign_in(client)
    token_endpoint.script(Silence())
    response = finish_sign_in(client, params)
    assert (response.status_code, response.context["code"]) == (503, "cognito_unavailable")


@pytest.mark.faq("What happens if Cognito is down or slow?", "MAX_REFRESHES")
@pytest.mark.parametrize(("max_refreshes", "count"), [(1, 0), (2, 1)])
def test_refreshes_beyond_max_refreshes_are_not_sent(
    client: Client, configure: Configure, token_endpoint: ScriptedServer, max_refreshes: int, count: int
) -> None:
    configure(MAX_REFRESHES=max_refreshes)
    login = create_login(client, ends_in=30)  # soon: the request uses the present tokens
    token_endpoint.script(token_response())
    get_refresh_limit(get_settings()).enter("a login that waits for Cognito", "another user")
    assert client.get("/who/").status_code == 200
    login.refresh_from_db()
    assert (login.version, token_endpoint.count) == (count, count)


@pytest.mark.faq("Why is a token not yet valid?", "LEEWAY_SECONDS")
def test_token_from_the_future_is_valid_within_the_leeway(configure: Configure) -> None:
    soon = int(time.time()) + 30
    assert get_code(send_token(iat=soon, auth_time=soon)) == "token_not_yet_valid"
    configure(LEEWAY_SECONDS=60)
    assert get_code(send_token(iat=soon, auth_time=soon)) == "ok"


@pytest.mark.faq("Does it request userInfo?", "PROFILE_SOURCE")
@pytest.mark.parametrize(("changes", "count"), [({}, 1), ({"PROFILE_SOURCE": "userinfo"}, 2)])
def test_user_info_is_requested_only_at_a_login_with_its_setting(
    client: Client, configure: Configure, token_endpoint: ScriptedServer, changes: Any, count: int
) -> None:
    configure(**changes)
    params = start_sign_in(client)
    subject = {"sub": "the-sub", "username": "alice"}
    tokens = token_response(nonce=params["nonce"], both={"sub": "the-sub"})
    token_endpoint.script(tokens, json_answer(subject))
    assert finish_sign_in(client, params).status_code == 302
    assert send_token(client, username="bob").status_code == 200
    assert token_endpoint.count == count


@pytest.mark.faq("Can clients send ID tokens to the API?", "TOKEN_USE")
def test_token_use_accepts_both_types(configure: Configure) -> None:
    assert get_code(send_token(token_use="id")) == "wrong_token_use"
    configure(TOKEN_USE=["access", "id"])
    assert [get_code(send_token(token_use=use)) for use in ("access", "id")] == ["ok", "ok"]


@pytest.mark.faq("A load balancer signs the users in?", "TOKEN_SOURCES")
def test_token_of_a_load_balancer_is_read_with_its_setting(client: Client, configure: Configure) -> None:
    headers = {"X-Amzn-Oidc-Accesstoken": make_token()}
    assert client.get("/who/", headers=headers).text == "nobody"
    configure(TOKEN_SOURCES=["Authorization", "X-Amzn-Oidc-Accesstoken"])
    assert client.get("/who/", headers=headers).text == "alice"


@pytest.mark.faq("Several app clients?", "CLIENT_IDS", "CLIENT_ID")
def test_login_uses_the_client_id_and_requests_all_clients(client: Client, configure: Configure) -> None:
    assert get_code(send_token(client_id="2mobile")) == "wrong_client"
    configure(CLIENT_ID="1web", CLIENT_IDS=["1web", "2mobile"])
    assert [get_code(send_token(client_id=name)) for name in ("1web", "2mobile")] == ["ok", "ok"]
    assert start_sign_in(client)["client_id"] == "1web"


@pytest.mark.faq("Several app clients?", "POOLS")
@pytest.mark.faq("Several user pools in one site?", "POOLS", "POOL_RESOLVER")
def test_each_alias_of_pools_has_its_own_login(client: Client, two_pools: TwoPools) -> None:
    assert [start_sign_in(client, at=alias)["client_id"] for alias in ("acme", "zen")] == ["1acme", "1zen"]
    assert two_pools.sign_in(client, "zen").status_code == 302
    assert two_pools.counts == (0, 1)
    assert CognitoUser.objects.get().user_pool_id == two_pools.settings["POOLS"]["zen"]["USER_POOL_ID"]


@pytest.mark.faq("Do I have to write code that creates users?", "ATTRIBUTES", "USERNAME")
def test_claims_fill_the_fields_of_a_new_user(client: Client, configure: Configure) -> None:
    configure(USERNAME="nickname", ATTRIBUTES={"last_name": "custom:team"})
    user = sign_in(client, "alice", nickname="ally", **{"custom:team": "Blue"})
    assert (user.get_username(), user.last_name) == ("ally", "Blue")


@pytest.mark.faq("Do I have to write code that creates users?", "CREATE_USERS")
def test_user_is_not_created_if_creation_is_off(configure: Configure) -> None:
    configure(CREATE_USERS=False)
    assert get_code(send_token()) == "user_unknown"
    assert not User.objects.exists()


@pytest.mark.faq("Do I have to write code that creates users?", "USER_ADAPTER")
@pytest.mark.faq("A custom user model?", "USER_ADAPTER")
def test_adapter_sets_a_field_of_a_new_user(configure: Configure) -> None:
    configure(USER_ADAPTER=f"{__name__}.ShoutingAdapter")
    send_token()
    assert User.objects.get().last_name == "ALICE"


@pytest.mark.faq("Why is the username a UUID?", "USERNAME")
def test_email_is_the_username_once_a_token_has_it(client: Client, configure: Configure) -> None:
    configure(USERNAME="email")
    send_token(username="ada@example.com", iat=int(time.time()) - 60)
    user = User.objects.get()
    assert user.get_username() == user.cognito_users.get().sub  # type: ignore[attr-defined]
    assert sign_in(client, "ada@example.com") == user
    assert User.objects.get().get_username() == "ada@example.com"


@pytest.mark.faq("Are accounts matched by email address?", "LINK_BY_VERIFIED_EMAIL")
@pytest.mark.parametrize(
    ("is_linking", "is_staff", "claims", "is_linked"),
    [
        (True, False, {}, True),
        (False, False, {}, False),
        (True, True, {}, False),
        (True, False, {"email_verified": False}, False),
    ],
)
def test_account_is_linked_by_verified_email_only(
    client: Client, configure: Configure, is_linking: bool, is_staff: bool, claims: Any, is_linked: bool
) -> None:
    configure(LINK_BY_VERIFIED_EMAIL=is_linking)
    account = User.objects.create_user("local", "alice@example.com", "a password", is_staff=is_staff)
    assert (sign_in(client, "alice", **claims) == account) is is_linked
    account.refresh_from_db()
    assert account.has_usable_password() is not is_linked


@pytest.mark.faq("Are accounts matched by email address?", "LINKING_KEEPS_PASSWORD")
def test_linked_account_keeps_its_password_with_the_setting(client: Client, configure: Configure) -> None:
    configure(LINK_BY_VERIFIED_EMAIL=True, LINKING_KEEPS_PASSWORD=True)
    account = User.objects.create_user("local", "alice@example.com", "a password")
    assert sign_in(client, "alice") == account
    account.refresh_from_db()
    assert account.check_password("a password")


@pytest.mark.faq("Can groups set staff, superuser, Django groups and permissions?", "GROUPS")
def test_groups_grant_flags_django_groups_and_permissions(client: Client, configure: Configure) -> None:
    grant = {"staff": True, "superuser": True, "groups": ["Writers"]}
    configure(GROUPS={"admins": grant, "editors": {"permissions": ["auth.change_group"]}})
    admin = sign_in(client, "alice", groups=["admins"])
    assert (admin.is_staff, admin.is_superuser, admin.groups.get().name) == (True, True, "Writers")
    editor = sign_in(client, "eve", groups=["editors"])
    assert editor.has_perm("auth.change_group")
    assert not editor.has_perm("auth.delete_group")


@pytest.mark.faq("Can groups come from another claim?", "GROUPS_CLAIM")
def test_groups_come_from_the_configured_claim(client: Client, configure: Configure) -> None:
    configure(GROUPS_CLAIM="custom:groups", GROUPS={"editors": {"staff": True}})
    assert sign_in(client, "alice", **{"custom:groups": "[editors]"}).is_staff
    assert not sign_in(Client(), "bob", groups=["editors"]).is_staff


@pytest.mark.faq("Why does every sign-in fail with `invalid_client` after some days?", "CLIENT_SECRET")
def test_function_for_the_client_secret_is_called_after_its_rotation(
    client: Client, configure: Configure, token_endpoint: ScriptedServer
) -> None:
    secrets = ["before the rotation", "after the rotation"]
    configure(CLIENT_SECRET=lambda: secrets.pop(0))
    secret = factories.get_hosted_ui()._secret
    secret.read()
    secret.reset_after_fork()  # the minute has passed in which the function is not called again
    params = start_sign_in(client)
    token_endpoint.script(refusal("invalid_client"), token_response(nonce=params["nonce"]))
    finish_sign_in(client, params)
    assert username_at(client) == "alice"
    assert secrets == []


@pytest.mark.faq("Why does every sign-in fail with `invalid_client` after some days?", "CLIENT_SECRET_ARN")
def test_secret_of_the_arn_is_read_again_after_its_rotation(
    client: Client, configure: Configure, token_endpoint: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    arn = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:the-name-AbCdEf"
    texts = [json.dumps({"clientSecretValue": f"{when} the rotation"}) for when in ("before", "after")]
    with ScriptedServer(*(json_answer({"ARN": arn, "SecretString": text}) for text in texts)) as secrets_manager:
        configure(CLIENT_SECRET_ARN=arn, ENDPOINT_URL=secrets_manager.url)
        secret = factories.get_hosted_ui()._secret
        secret.read()
        secret.reset_after_fork()  # the minute has passed in which the secret is not read again
        params = start_sign_in(client)
        token_endpoint.script(refusal("invalid_client"), token_response(nonce=params["nonce"]))
        finish_sign_in(client, params)
    assert username_at(client) == "alice"
    assert (secrets_manager.count, secret.read()) == (2, "after the rotation")


@pytest.mark.faq("The Django admin?", "ADMIN_LOCAL_PASSWORD")
@pytest.mark.urls("tests.admin.two_admins_site")
def test_form_of_the_admin_stays_with_its_setting(client: Client, configure: Configure) -> None:
    assert client.get("/admin/login/?local").status_code == 302
    configure(ADMIN_LOCAL_PASSWORD=True)
    assert 'type="password"' in client.get("/admin/login/?local").text
    assert client.get("/admin/login/").status_code == 302


@pytest.mark.faq("A sign-in from a company portal (IdP-initiated SAML)?", "IDP_INITIATED")
def test_code_of_a_portal_starts_a_sign_in_with_its_setting(
    client: Client, configure: Configure, token_endpoint: ScriptedServer
) -> None:
    assert client.get("/auth/callback/?code=of-the-portal").context["code"] == "state_missing"
    configure(IDP_INITIATED={"testserver": "AcmeSAML"})
    params = read_query(client.get("/auth/callback/?code=of-the-portal")["Location"])
    assert (params["identity_provider"], params["prompt"]) == ("AcmeSAML", "login")
    assert token_endpoint.count == 0


@pytest.mark.faq("The local Cognito in Docker Compose?", "INSECURE_HOSTS")
@pytest.mark.parametrize("debug", [True, False])
def test_plain_http_to_a_container_requires_debug(settings: Any, debug: bool) -> None:
    changes = {"DOMAIN": "http://cognito.localhost:9229", "INSECURE_HOSTS": ["cognito.localhost"]}
    assert (find_problems({**settings.COGNITO, **changes}, debug=debug) == []) is debug
