"""boto3 clients of a user: cached, shared among threads, and never used for another user."""

import pickle
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError
from django.core.exceptions import ImproperlyConfigured
from local_cognito_support.scripted_server import Answer, ScriptedServer

from django_cognito.aws import client_cache
from django_cognito.aws.client_cache import UserAws, clear_cache
from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from django_cognito.factories import get_identity_pool
from tests.support.clock import Clock
from tests.support.error_reports import report_of
from tests.support.frames import carried_values
from tests.support.s3_calls import ask_s3, signer
from tests.support.sizes import choose_size

from .identity_endpoint import POOL_ID, IdentityEndpoint, error_response, identity_of

ONE_TRY = Config(retries={"total_max_attempts": 1})
THREADS = choose_size(3, 20)  # of each of 20 users


def get_cached_aws(id_token: str) -> UserAws | None:
    return client_cache.get_cached_aws(get_identity_pool(), id_token)


def get_or_create_aws(id_token: str, **stored: str) -> UserAws:
    return client_cache.get_or_create_aws(get_identity_pool(), id_token, **stored)


@pytest.fixture(autouse=True)
def _site_credentials(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Configure credentials of the site, which a user's session must never use."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_BEARER_TOKEN_BEDROCK"):
        monkeypatch.setenv(name, "of-the-site")
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    for name in ("AWS_PROFILE", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def s3() -> Iterator[ScriptedServer]:
    """Yield a server that accepts every request."""
    with ScriptedServer(Answer()) as server:
        yield server


@pytest.fixture
def alice(endpoint: IdentityEndpoint, clock: Clock) -> UserAws:
    return UserAws(UserCredentials(endpoint.pool, "alice", now=clock), "eu-west-1")


@pytest.fixture
def site(settings: Any, endpoint: IdentityEndpoint) -> Iterator[None]:
    """Configure a site with that identity pool; both use the system clock."""
    endpoint.now = time.time
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": POOL_ID, "ENDPOINT_URL": endpoint.url}
    clear_cache()
    yield
    clear_cache()


def test_client_signs_for_the_user_and_not_for_the_site(alice: UserAws, s3: ScriptedServer) -> None:
    ask_s3(alice.client("s3", endpoint_url=s3.url))
    assert signer(s3.requests[0]) == ("ASIA-alice-1", "session-alice-1")


def test_resource_signs_for_the_user(alice: UserAws, s3: ScriptedServer) -> None:
    alice.resource("s3", endpoint_url=s3.url).Object("files", "note.txt").delete()
    assert signer(s3.requests[0]) == ("ASIA-alice-1", "session-alice-1")


def test_client_of_cognito_sync_signs_for_the_user(alice: UserAws, s3: ScriptedServer) -> None:
    sync = alice.client("cognito-sync", endpoint_url=s3.url, config=ONE_TRY)
    sync.list_datasets(IdentityPoolId=POOL_ID, IdentityId=identity_of("alice"))
    assert signer(s3.requests[0]) == ("ASIA-alice-1", "session-alice-1")


def test_session_signs_for_the_user(alice: UserAws, s3: ScriptedServer) -> None:
    ask_s3(alice.session().client("s3", endpoint_url=s3.url))
    assert signer(s3.requests[0]) == ("ASIA-alice-1", "session-alice-1")


def test_bearer_token_of_the_site_is_not_used_for_the_user(alice: UserAws, s3: ScriptedServer) -> None:
    bedrock = alice.client("bedrock-runtime", endpoint_url=s3.url, config=ONE_TRY)
    with pytest.raises(Exception, match=r"(?i)token"):
        bedrock.invoke_model(modelId="m", body=b"{}")
    assert "of-the-site" not in str(s3.requests)


def test_session_returns_the_users_credentials(alice: UserAws) -> None:
    credentials = alice.session().get_credentials()
    assert (credentials.access_key, credentials.secret_key) == ("ASIA-alice-1", "secret-alice-1")
    assert credentials.token == "session-alice-1"
    assert tuple(credentials.get_frozen_credentials())[:3] == ("ASIA-alice-1", "secret-alice-1", "session-alice-1")


def test_cached_client_signs_with_refreshed_credentials(alice: UserAws, s3: ScriptedServer, clock: Clock) -> None:
    client = alice.client("s3", endpoint_url=s3.url)
    ask_s3(client)
    clock.now += 3_400
    ask_s3(client)
    assert [signer(request)[0] for request in s3.requests] == ["ASIA-alice-1", "ASIA-alice-2"]


def test_client_is_cached(alice: UserAws) -> None:
    assert alice.client("s3") is alice.client("s3")
    assert alice.client("s3", region_name=None) is alice.client("s3", region_name=None)


def test_each_region_has_its_own_client(alice: UserAws) -> None:
    assert alice.client("s3").meta.region_name == "eu-west-1"
    regional = alice.client("s3", region_name="us-east-2")
    assert regional.meta.region_name == "us-east-2"
    assert alice.client("s3", region_name="us-east-2") is regional


def test_order_of_client_options_does_not_matter(alice: UserAws) -> None:
    one = alice.client("s3", region_name="us-east-2", use_ssl=True)
    assert alice.client("s3", use_ssl=True, region_name="us-east-2") is one


def test_config_object_creates_a_new_client(alice: UserAws) -> None:
    assert alice.client("s3", config=ONE_TRY) is not alice.client("s3", config=ONE_TRY)


def test_sessions_and_resources_are_not_cached(alice: UserAws) -> None:
    assert alice.session() is not alice.session()
    assert alice.resource("s3") is not alice.resource("s3")


def test_session_uses_the_region_of_the_identity_pool(alice: UserAws) -> None:
    assert alice.session().region_name == "eu-west-1"


@pytest.mark.parametrize("method", ["client", "resource", "session"])
def test_rejected_user_raises_credentials_error_before_a_session(
    endpoint: IdentityEndpoint, alice: UserAws, method: str
) -> None:
    endpoint.responses = [error_response("NotAuthorizedException")]
    with pytest.raises(CredentialsError):
        getattr(alice, method)(*(["s3"] if method != "session" else []))
    assert alice._session is None


def test_outage_at_a_signature_raises_cognito_unavailable_error(
    endpoint: IdentityEndpoint, alice: UserAws, s3: ScriptedServer, clock: Clock
) -> None:
    client = alice.client("s3", endpoint_url=s3.url)
    clock.now += 3_600
    endpoint.responses = [Answer(503)]
    with pytest.raises(CognitoUnavailableError):
        ask_s3(client)
    with pytest.raises(CognitoUnavailableError):
        alice.client("s3", endpoint_url=s3.url)
    assert s3.count == 0


def test_sessions_share_no_event_handlers(alice: UserAws, s3: ScriptedServer) -> None:
    events: list[str] = []
    first, second = alice.session(), alice.session()
    first.events.register("before-sign.s3", lambda **_: events.append("first"))
    ask_s3(second.client("s3", endpoint_url=s3.url))
    assert events == []
    ask_s3(first.client("s3", endpoint_url=s3.url))
    assert events == ["first"]


def test_new_session_leaves_the_shared_loader_unchanged(alice: UserAws) -> None:
    from django_cognito.aws import boto_sessions

    # A copy: a list that is compared with itself is always equal.
    before = list(boto_sessions._loader().search_paths)
    alice.session()
    assert list(boto_sessions._loader().search_paths) == before


def test_user_of_the_same_token_is_cached(site: None) -> None:
    assert get_cached_aws("alice") is None
    alice = get_or_create_aws("alice", identity_id=identity_of("alice"))
    assert get_cached_aws("alice") is get_or_create_aws("alice") is alice
    assert alice.stored_identity_id == identity_of("alice")


def test_cache_without_cachetools_names_the_extra(site: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_cache, "_cache", {})
    monkeypatch.setitem(sys.modules, "cachetools", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'django-aws-cognito\[aws\]'"):
        get_or_create_aws("alice")


def test_another_token_has_another_user(site: None) -> None:
    assert get_or_create_aws("alice") is not get_or_create_aws("bob")
    assert get_cached_aws("carol") is None


def test_another_identity_pool_has_new_users(site: None, settings: Any) -> None:
    alice = get_or_create_aws("alice")
    settings.COGNITO = {**settings.COGNITO, "IDENTITY_POOL_ID": "us-east-2:6b0a1c52"}
    assert get_cached_aws("alice") is None
    assert get_or_create_aws("alice").region == "us-east-2"
    assert alice.region == "eu-west-1"


def test_number_of_cached_users_is_limited(site: None) -> None:
    first = get_or_create_aws("0")
    for number in range(1, client_cache._MAX_USERS):
        get_or_create_aws(str(number))
    assert get_cached_aws("0") is first
    get_or_create_aws("one more")
    assert get_cached_aws("1") is None
    assert get_cached_aws("0") is first


def test_parallel_threads_share_one_user_and_one_client(site: None) -> None:
    barrier = threading.Barrier(20)

    def get_ids() -> tuple[int, int]:
        barrier.wait(120)
        user = get_cached_aws("alice") or get_or_create_aws("alice")
        return id(user), id(user.client("s3"))

    assert len(set(at_once([get_ids] * 20))) == 1


def test_twenty_users_with_several_threads_each_are_separate(
    site: None, endpoint: IdentityEndpoint, s3: ScriptedServer
) -> None:
    barrier = threading.Barrier(THREADS * 20)

    def send(name: str) -> str:
        barrier.wait(120)
        user = get_cached_aws(name) or get_or_create_aws(name)
        ask_s3(user.client("s3", endpoint_url=s3.url), key=name)
        return user.credentials.identity_id

    names = [f"p{number}" for number in range(20)] * THREADS
    assert at_once([partial(send, name) for name in names]) == [identity_of(name) for name in names]
    assert s3.count == THREADS * 20
    for request in s3.requests:
        name = request.path.rpartition("/")[2]
        access_key, token = signer(request)
        assert access_key.startswith(f"ASIA-{name}-")
        assert token.startswith(f"session-{name}-")
    assert endpoint.count == 40  # an identity and credentials for each user, once


def test_repr_contains_no_secret(alice: UserAws) -> None:
    credentials = alice.session().get_credentials()
    for shown in (alice, alice.credentials, credentials, credentials.get_frozen_credentials(), alice.client("s3")):
        assert "secret-alice" not in repr(shown)
        assert "session-alice" not in repr(shown)


def test_user_aws_cannot_be_pickled(alice: UserAws) -> None:
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(alice)


def test_client_error_contains_no_secret(alice: UserAws, s3: ScriptedServer) -> None:
    s3.script(Answer(403, b"<Error><Code>AccessDenied</Code></Error>"))
    with pytest.raises(ClientError) as raised:
        ask_s3(alice.client("s3", endpoint_url=s3.url, config=ONE_TRY))
    assert "secret-alice" not in carried_values(raised.value) + report_of(raised.value)
    assert "session-alice" not in carried_values(raised.value) + report_of(raised.value)


def test_connection_error_contains_no_secret(alice: UserAws, unreachable: str) -> None:
    with pytest.raises(EndpointConnectionError) as raised:
        ask_s3(alice.client("s3", endpoint_url=unreachable, config=ONE_TRY))
    assert "secret-alice" not in carried_values(raised.value) + report_of(raised.value)
    assert "session-alice" not in carried_values(raised.value) + report_of(raised.value)


def test_error_of_a_handler_has_its_frames(alice: UserAws, s3: ScriptedServer) -> None:
    def fail(**_: Any) -> None:
        raise LookupError("in a handler of the site")

    client = alice.client("s3", endpoint_url=s3.url, config=ONE_TRY)
    client.meta.events.register("before-send.s3", fail)
    with pytest.raises(LookupError) as raised:
        ask_s3(client)
    assert raised.traceback[-1].name == "fail"


def at_once(calls: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [call.result(60) for call in [threads.submit(call) for call in calls]]
