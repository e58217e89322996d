"""The conformance modules of OpenID's suite against the scripted provider. The test id or case is the module's name.

The suite accepts silence as a refusal. These tests require a failure page, an unchanged session, no new row and no
further request.
"""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_cognito import factories
from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from tests.support.cases import cases
from tests.support.clock import Clock
from tests.support.scenarios.login import change_login, read_query, username_at
from tests.support.scenarios.user_pool import COOLDOWN

from .fault import NO_FAULT, Fault
from .modules import MODULES, Accepts, DoesNotApply, EndsLogin, Module, Outcome, Refuses, find_modules
from .provider import SECRET, Provider, at_hash
from .scenario import follow_to_callback, read_failure, refusal_page, sign_in, start_sign_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

COVERED: set[str] = set()


def select_modules(flow: Any, outcome: type[Outcome]) -> dict[str, Module]:
    """Return the modules of this flow with such an outcome, which a test covers."""
    selected = find_modules(flow, outcome)
    assert selected
    COVERED.update(selected)
    return selected


def modules(flow: Any, outcome: type[Outcome]) -> Any:
    """Run the test for each module of this flow with such an outcome."""
    selected = select_modules(flow, outcome)
    return pytest.mark.parametrize("module", selected.values(), ids=selected)


def stored_users() -> tuple[list[str], int, int]:
    """Return the usernames, the number of linked accounts and the number of logins."""
    names = [user.get_username() for user in get_user_model().objects.order_by("pk")]
    return names, CognitoUser.objects.count(), CognitoLogin.objects.count()


def assert_refused(client: Client, provider: Provider, module: Module) -> None:
    """Assert that a sign-in with the module's fault is refused with the outcome of the table."""
    assert isinstance(module.outcome, Refuses)
    authorize_url = start_sign_in(client)
    provider.fault = module.fault
    callback_url = follow_to_callback(authorize_url)
    # A state of another browser uses up none of this browser's pending sign-ins.
    state = None if "state" in module.fault.callback_params else read_query(authorize_url)["state"]
    page = refusal_page(client, provider, callback_url, calls=module.outcome.calls, state=state)
    assert read_failure(page) == (module.outcome.status, module.outcome.code)


def assert_tokens_as_requested(provider: Provider) -> None:
    """Assert that `openid` and SCOPES were requested and granted, and that the stored ID token's `at_hash` holds."""
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    assert provider.authorization_request["scope"] == "openid email profile"
    assert read_unverified(tokens.access_token)["scope"] == "openid email profile"
    assert read_unverified(tokens.id_token)["at_hash"] == at_hash(tokens.access_token)


@modules("a sign-in", Accepts)
@pytest.mark.defends("RP-11", "RP-24", "RP-25")
def test_module_is_accepted(client: Client, provider: Provider, module: Module) -> None:
    provider.fault = module.fault
    answer = sign_in(client, next="/mine/")
    assert (answer.status_code, answer["Location"], username_at(client)) == (302, "/mine/", "alice")
    assert (stored_users(), provider.called_endpoints) == ((["alice"], 1, 1), ["authorize", "token", "jwks"])
    user = get_user_model().objects.get()
    assert (user.email, user.has_usable_password()) == ("alice@example.com", False)
    assert_tokens_as_requested(provider)


REFUSED = select_modules("a sign-in", Refuses)


@pytest.mark.defends("RP-01", "RP-03", "RP-09", "RP-25")
def test_module_is_refused(client: Client, provider: Provider, username_before: str) -> None:
    with cases() as case:
        for name, module in REFUSED.items():
            with case(name):
                factories.discard_instances()  # the keys are fetched again
                provider.fault = NO_FAULT
                assert_refused(client, provider, module)
                assert username_at(client) == username_before


@modules("a sign-in with a secret", Accepts)
def test_module_with_client_secret_is_accepted(
    client: Client, provider: Provider, settings: Any, module: Module
) -> None:
    provider.client_secret = SECRET  # accepted in the header only
    assert read_failure(sign_in(client)) == (400, "invalid_client")
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    sign_in(client)
    assert username_at(client) == "alice"
    assert_tokens_as_requested(provider)


@modules("userInfo", Accepts)
@pytest.mark.defends("RP-18")
def test_module_with_user_info_is_accepted(
    client: Client, provider: Provider, profile_from_user_info: None, module: Module
) -> None:
    provider.fault = Fault(user_info={"email": "of-user-info@example.com"})
    sign_in(client)
    assert (username_at(client), provider.called_endpoints) == ("alice", ["authorize", "token", "jwks", "user_info"])
    assert get_user_model().objects.get().email == "of-user-info@example.com"
    request, tokens = provider.requests[-1], store.decrypt_tokens(CognitoLogin.objects.get())
    assert (request.method, request.path, request.body) == ("GET", "/oauth2/userInfo", b"")
    assert request.headers["authorization"] == f"Bearer {tokens.access_token}"
    assert_tokens_as_requested(provider)


@modules("userInfo", Refuses)
@pytest.mark.defends("RP-18")
def test_module_with_wrong_user_info_is_refused(
    client: Client, provider: Provider, username_before: str, profile_from_user_info: None, module: Module
) -> None:
    assert_refused(client, provider, module)
    assert username_at(client) == username_before


@modules("new keys", Accepts)
def test_module_with_rotated_keys_is_accepted(client: Client, provider: Provider, clock: Clock, module: Module) -> None:
    sign_in(Client())  # caches the old keys
    authorize_url = start_sign_in(client)
    if module.name.endswith("-just-before-signing"):
        callback_url = follow_to_callback(authorize_url)
        provider.rotate()
    else:
        provider.rotate()
        callback_url = follow_to_callback(authorize_url)
    clock.forward(COOLDOWN)
    provider.called_endpoints.clear()
    assert client.get(callback_url).status_code == 302
    assert (username_at(client), provider.called_endpoints) == ("alice", ["token", "jwks"])


def test_rotated_keys_are_refused_until_the_cooldown_has_passed(
    client: Client, provider: Provider, username_before: str, clock: Clock
) -> None:
    sign_in(Client())
    provider.rotate()
    authorize_url = start_sign_in(client)
    page = refusal_page(
        client, provider, follow_to_callback(authorize_url), calls=("token",), state=read_query(authorize_url)["state"]
    )
    assert read_failure(page) == (403, "unknown_key")
    assert username_at(client) == username_before
    clock.forward(COOLDOWN)
    sign_in(client)
    assert username_at(client) == "alice"


@modules("a refresh", Accepts)
@pytest.mark.defends("RP-17")
def test_module_with_refresh_is_accepted(client: Client, provider: Provider, module: Module) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.called_endpoints.clear()
    assert (username_at(client), stored_users(), provider.called_endpoints) == ("alice", (["alice"], 1, 1), ["token"])
    assert CognitoLogin.objects.get().version == 1


@modules("a refresh", EndsLogin)
@pytest.mark.defends("RP-17")
def test_module_with_refused_refresh_ends_the_login(client: Client, provider: Provider, module: Module) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.called_endpoints.clear()
    provider.fault = module.fault
    links = list(CognitoUser.objects.values())
    assert (username_at(client), stored_users(), provider.called_endpoints) == (
        "nobody",
        (["alice"], 1, 0),
        ["token", "revoke"],
    )
    assert list(CognitoUser.objects.values()) == links
    assert store.SESSION_KEY not in client.session


@pytest.mark.defends("RP-11")
@pytest.mark.parametrize("wrong", [at_hash("another access token"), "", 5])
def test_sign_in_with_wrong_at_hash_is_rejected(
    client: Client, provider: Provider, username_before: str, wrong: Any
) -> None:
    authorize_url = start_sign_in(client)
    provider.fault = Fault(id_claims={"at_hash": wrong})
    page = refusal_page(
        client,
        provider,
        follow_to_callback(authorize_url),
        calls=("token", "jwks"),
        state=read_query(authorize_url)["state"],
    )
    assert read_failure(page) == (403, "at_hash_mismatch")
    assert username_at(client) == username_before


@pytest.mark.defends("RP-11", "RP-17")
def test_refresh_with_wrong_at_hash_ends_the_login(client: Client, provider: Provider) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.fault = Fault(id_claims={"at_hash": at_hash("another access token")})
    assert (username_at(client), CognitoLogin.objects.count()) == ("nobody", 0)


@pytest.mark.parametrize("scopes", [["openid"], ["openid", "email", "notes/read"]])
def test_sign_in_requests_the_configured_scopes(
    client: Client, provider: Provider, settings: Any, scopes: list[str]
) -> None:
    settings.COGNITO = {**settings.COGNITO, "SCOPES": scopes}
    sign_in(client)
    assert (username_at(client), provider.authorization_request["scope"]) == ("alice", " ".join(scopes))
    assert read_unverified(store.decrypt_tokens(CognitoLogin.objects.get()).access_token)["scope"] == " ".join(scopes)


@pytest.mark.defends("RP-18", "RP-25")
def test_sign_in_calls_neither_user_info_nor_discovery(client: Client, provider: Provider) -> None:
    provider.fault = Fault(
        user_info={"sub": "another-user", "username": "mallory"}, discovery={"issuer": "https://op.invalid/"}
    )
    sign_in(client)
    assert username_at(client) == "alice"
    assert provider.counts == {"authorize": 1, "token": 1, "jwks": 1}


def test_every_module_is_tested_or_does_not_apply() -> None:
    applying = {name for name, module in MODULES.items() if not isinstance(module.outcome, DoesNotApply)}
    assert applying == COVERED
