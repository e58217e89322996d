"""Many users at once, through the middleware to the local AWS: STS identifies each, and IAM separates them."""

import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.http import HttpRequest
from django.test import Client
from local_cognito import Emulator

from django_cognito import factories
from django_cognito.aws.client_cache import clear_cache
from django_cognito.core import AccessToken
from django_cognito.core.hosted_ui import TokenSet
from django_cognito.models import CognitoUser
from django_cognito.sessions.sign_in import start_login
from django_cognito.users.authentication import authenticate
from tests.support.callers import with_id_token
from tests.support.sizes import choose_size

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.urls("tests.aws.request_aws_views")]

USER_POOL, CLIENT_ID, BUCKET = "eu-west-1_Twenty", "1twenty", "diaries"
IDENTITY_POOL = "eu-west-1:20202020-0000-4000-8000-000000000001"
NAMES = [f"user{number:02}" for number in range(choose_size(8, 20))]
ROUNDS = choose_size(2, 4)
_OWN = {
    "Statement": {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/${{cognito-identity.amazonaws.com:sub}}/*",
    }
}
# A group and a role for each user, so that STS distinguishes them: sessions of one role are all alike.
SEED: dict[str, Any] = {
    "pools": [
        {
            "id": USER_POOL,
            "groups": [{"name": f"of-{name}", "role": f"role-of-{name}"} for name in NAMES],
            "clients": [{"id": CLIENT_ID, "auth_flows": ["ALLOW_USER_PASSWORD_AUTH"]}],
            "users": [{"username": name, "password": "x", "groups": [f"of-{name}"]} for name in NAMES],
        }
    ],
    "roles": [{"name": f"role-of-{name}", "policy": _OWN} for name in NAMES],
    "buckets": [BUCKET],
    "identity_pools": [{"id": IDENTITY_POOL, "user_pool": USER_POOL, "roles": {"authenticated": "role-of-user00"}}],
}

Tokens = tuple[str, str]


@pytest.fixture
def emulator(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Emulator]:
    """Yield the site's Cognito and AWS. Keys of the site are set; no user's request may be signed with them."""
    with Emulator(seed=SEED) as running:
        settings.COGNITO = {
            "USER_POOL_ID": USER_POOL,
            "CLIENT_ID": CLIENT_ID,
            "ISSUER": running.issuer(USER_POOL),
            "ENDPOINT_URL": running.endpoint_url,
            "IDENTITY_POOL_ID": IDENTITY_POOL,
            "HTTP_TIMEOUT_SECONDS": 30,  # all users on two cores; the emulator handles one request at a time
        }
        administrator = running.admin_credentials
        monkeypatch.setenv("AWS_ENDPOINT_URL", running.endpoint_url)
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", administrator.id)
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", administrator.secret)
        yield running
        clear_cache()
        factories.discard_instances()


@pytest.fixture
def tokens(emulator: Emulator) -> Mapping[str, Tokens]:
    """Return the access token and ID token of each user."""
    config = Config(signature_version=UNSIGNED)
    pool = boto3.client("cognito-idp", "eu-west-1", endpoint_url=emulator.endpoint_url, config=config)

    def sign_in(name: str) -> Tokens:
        parameters = {"USERNAME": name, "PASSWORD": "x"}
        response = pool.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId=CLIENT_ID, AuthParameters=parameters)
        return response["AuthenticationResult"]["AccessToken"], response["AuthenticationResult"]["IdToken"]

    tokens_by_name = {name: sign_in(name) for name in NAMES}
    pool.close()
    return tokens_by_name


@pytest.fixture
def identities(tokens: Mapping[str, Tokens], emulator: Emulator) -> Mapping[str, str]:
    """Return the identity of each user, as the identity pool returns it."""
    pool = factories.get_identity_pool()
    return {name: pool.identity_id(id_token) for name, (_, id_token) in tokens.items()}


def send_with_bearer(access_token: str, id_token: str, query: Mapping[str, str]) -> Any:
    return Client().get("/access/", query, headers=with_id_token(access_token, id_token))


def send_with_session(access_token: str, id_token: str, query: Mapping[str, str]) -> Any:
    client = Client()
    user, token = authenticate(access_token, id_token=id_token)
    assert isinstance(token, AccessToken)
    request: Any = HttpRequest()
    request.user, request.session = AnonymousUser(), client.session
    start_login(request, user, token, TokenSet(access_token, id_token, None, 3_600))
    request.session.save()
    client.cookies["sessionid"] = request.session.session_key
    return client.get("/access/", query)


@pytest.mark.parametrize("send", [send_with_bearer, send_with_session])
def test_users_in_parallel_threads_see_only_their_own_data(
    tokens: Mapping[str, Tokens], identities: Mapping[str, str], send: Callable[..., Any]
) -> None:
    barrier = threading.Barrier(len(NAMES))

    def call(position: int) -> list[Any]:
        try:
            barrier.wait(120)
            # A thread acts for another user each time: a value cached per thread would be of another user.
            return [run_turn(NAMES[(position + number) % len(NAMES)]) for number in range(ROUNDS)]
        finally:
            connection.close()

    def run_turn(name: str) -> tuple[str, int, Any]:
        text, other = f"{name}'s diary", NAMES[(NAMES.index(name) + 1) % len(NAMES)]
        response = send(*tokens[name], {"bucket": BUCKET, "text": text, "other": identities[other]})
        return name, response.status_code, response.json()

    with ThreadPoolExecutor(len(NAMES)) as pool:
        turns = [result for turns in pool.map(call, range(len(NAMES))) for result in turns]

    assert len(turns) == len(NAMES) * ROUNDS
    assert len(set(identities.values())) == len(NAMES)
    for name, status, content in turns:
        assert (status, content) == (200, expected(name, identities))
    assert dict(CognitoUser.objects.values_list("username", "identity_id")) == identities


def expected(name: str, identities: Mapping[str, str]) -> dict[str, Any]:
    return {
        "identity": identities[name],
        "role": f"role-of-{name}",
        "text": f"{name}'s diary",
        "errors": ["AccessDenied", "AccessDenied"],
    }
