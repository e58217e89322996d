"""The conformance modules of OpenID's suite, one by one, against the scripted provider. Each has its own name as id.

To the suite silence is a refusal; here a refusal is a page, the session as it was, no row, and no further question.
"""

from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.test import Client

from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoLogin, CognitoUser
from django_cognito.sessions import store
from tests.support.clock import Clock
from tests.support.scenarios.login import change_login, read_query, username_at
from tests.support.scenarios.user_pool import COOLDOWN

from .fault import Fault
from .modules import MODULES, Accepts, DoesNotApply, Ends, Module, Outcome, Refuses, met
from .provider import SECRET, Provider, at_hash
from .scenario import come_back_from, refusal, sign_in, told, way_in

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.support.login_site")]

TAKEN: set[str] = set()


def modules(way: Any, outcome: type[Outcome]) -> Any:
    """Run the test for each module that is met on this way and has such an outcome."""
    found = met(way, outcome)
    assert found
    TAKEN.update(found)
    return pytest.mark.parametrize("module", found.values(), ids=found)


def people() -> tuple[list[str], int, int]:
    """Who is known, how many of them by a link, and how many logins there are."""
    names = [user.get_username() for user in get_user_model().objects.order_by("pk")]
    return names, CognitoUser.objects.count(), CognitoLogin.objects.count()


def is_refused(client: Client, provider: Provider, module: Module) -> None:
    """Whether a sign-in meets the module's fault, and is refused as the table has it."""
    assert isinstance(module.outcome, Refuses)
    asked = way_in(client)
    provider.fault = module.fault
    back = come_back_from(asked)
    # A state that is not the browser's uses up none of its own.
    state = None if "state" in module.fault.back else read_query(asked)["state"]
    page = refusal(client, provider, back, asks=module.outcome.asks, state=state)
    assert told(page) == (module.outcome.status, module.outcome.code)


def tokens_are_as_requested(provider: Provider) -> None:
    """Assert that `openid` and SCOPES were requested and granted, and that the stored ID token's `at_hash` holds."""
    tokens = store.decrypt_tokens(CognitoLogin.objects.get())
    assert provider.authorization_request["scope"] == "openid email profile"
    assert read_unverified(tokens.access_token)["scope"] == "openid email profile"
    assert read_unverified(tokens.id_token)["at_hash"] == at_hash(tokens.access_token)


@modules("a sign-in", Accepts)
@pytest.mark.defends("RP-11", "RP-24", "RP-25")
def test_a_module_that_signs_in(client: Client, provider: Provider, module: Module) -> None:
    provider.fault = module.fault
    answer = sign_in(client, next="/mine/")
    assert (answer.status_code, answer["Location"], username_at(client)) == (302, "/mine/", "alice")
    assert (people(), provider.asked) == ((["alice"], 1, 1), ["authorize", "token", "jwks"])
    user = get_user_model().objects.get()
    assert (user.email, user.has_usable_password()) == ("alice@example.com", False)
    tokens_are_as_requested(provider)


@modules("a sign-in", Refuses)
@pytest.mark.defends("RP-01", "RP-03", "RP-09", "RP-25")
def test_a_module_that_is_refused(client: Client, provider: Provider, before: str, module: Module) -> None:
    is_refused(client, provider, module)
    assert username_at(client) == before


@modules("a sign-in with a secret", Accepts)
def test_a_module_with_a_secret_signs_in(client: Client, provider: Provider, settings: Any, module: Module) -> None:
    provider.client_secret = SECRET  # good in the header alone; without it, nobody is signed in
    assert told(sign_in(client)) == (400, "invalid_client")
    settings.COGNITO = {**settings.COGNITO, **provider.settings}
    sign_in(client)
    assert username_at(client) == "alice"
    tokens_are_as_requested(provider)


@modules("userInfo", Accepts)
@pytest.mark.defends("RP-18")
def test_a_module_with_user_info_signs_in(
    client: Client, provider: Provider, profile_from_user_info: None, module: Module
) -> None:
    provider.fault = Fault(user_info={"email": "of-user-info@example.com"})
    sign_in(client)
    assert (username_at(client), provider.asked) == ("alice", ["authorize", "token", "jwks", "user_info"])
    assert get_user_model().objects.get().email == "of-user-info@example.com"
    request, tokens = provider.requests[-1], store.decrypt_tokens(CognitoLogin.objects.get())
    assert (request.method, request.path, request.body) == ("GET", "/oauth2/userInfo", b"")
    assert request.headers["authorization"] == f"Bearer {tokens.access_token}"
    tokens_are_as_requested(provider)


@modules("userInfo", Refuses)
@pytest.mark.defends("RP-18")
def test_a_module_whose_user_info_is_refused(
    client: Client, provider: Provider, before: str, profile_from_user_info: None, module: Module
) -> None:
    is_refused(client, provider, module)
    assert username_at(client) == before


@modules("new keys", Accepts)
def test_a_module_with_new_keys_signs_in(client: Client, provider: Provider, clock: Clock, module: Module) -> None:
    sign_in(Client())  # the old keys are known
    asked = way_in(client)
    if module.name.endswith("-just-before-signing"):
        back = come_back_from(asked)
        provider.rotate()
    else:
        provider.rotate()
        back = come_back_from(asked)
    clock.forward(COOLDOWN)
    provider.asked.clear()
    assert client.get(back).status_code == 302
    assert (username_at(client), provider.asked) == ("alice", ["token", "jwks"])


def test_inside_the_cooldown_new_keys_are_refused_and_then_known(
    client: Client, provider: Provider, before: str, clock: Clock
) -> None:
    sign_in(Client())
    provider.rotate()
    asked = way_in(client)
    page = refusal(client, provider, come_back_from(asked), asks=("token",), state=read_query(asked)["state"])
    assert told(page) == (403, "unknown_key")
    assert username_at(client) == before
    clock.forward(COOLDOWN)
    sign_in(client)
    assert username_at(client) == "alice"


@modules("a refresh", Accepts)
@pytest.mark.defends("RP-17")
def test_a_module_that_refreshes(client: Client, provider: Provider, module: Module) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.asked.clear()
    assert (username_at(client), people(), provider.asked) == ("alice", (["alice"], 1, 1), ["token"])
    assert CognitoLogin.objects.get().version == 1


@modules("a refresh", Ends)
@pytest.mark.defends("RP-17")
def test_a_module_whose_refresh_is_refused(client: Client, provider: Provider, module: Module) -> None:
    sign_in(client)
    change_login(CognitoLogin.objects.get(), ends_in=-1)
    provider.asked.clear()
    provider.fault = module.fault
    links = list(CognitoUser.objects.values())
    assert (username_at(client), people(), provider.asked) == ("nobody", (["alice"], 1, 0), ["token", "revoke"])
    assert list(CognitoUser.objects.values()) == links
    assert store.SESSION_KEY not in client.session


@pytest.mark.defends("RP-11")
@pytest.mark.parametrize("wrong", [at_hash("another access token"), "", 5])
def test_sign_in_with_wrong_at_hash_is_rejected(client: Client, provider: Provider, before: str, wrong: Any) -> None:
    asked = way_in(client)
    provider.fault = Fault(id_claims={"at_hash": wrong})
    page = refusal(client, provider, come_back_from(asked), asks=("token", "jwks"), state=read_query(asked)["state"])
    assert told(page) == (403, "at_hash_mismatch")
    assert username_at(client) == before


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
def test_a_sign_in_asks_neither_user_info_nor_discovery_so_nothing_of_them_is_believed(
    client: Client, provider: Provider
) -> None:
    provider.fault = Fault(
        user_info={"sub": "somebody-else", "username": "mallory"}, discovery={"issuer": "https://op.invalid/"}
    )
    sign_in(client)
    assert username_at(client) == "alice"
    assert provider.counts == {"authorize": 1, "token": 1, "jwks": 1}


def test_every_module_is_met_or_does_not_apply() -> None:
    applying = {name for name, module in MODULES.items() if not isinstance(module.outcome, DoesNotApply)}
    assert applying == TAKEN
