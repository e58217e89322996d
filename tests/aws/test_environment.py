"""Environment variables change the endpoints of a user's AWS clients, never the signer or the profile."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ProxyConnectionError
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from django_cognito import factories
from django_cognito.aws.client_cache import UserAws
from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.errors import CognitoUnavailableError
from django_cognito.factories import get_directory
from tests.support.clock import Clock
from tests.support.s3_calls import ask_s3, signer

from .identity_endpoint import IdentityEndpoint

ONE_TRY = Config(retries={"total_max_attempts": 1})
MAKERS = ("client", "session", "resource")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("AWS_") or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def s3() -> Iterator[ScriptedServer]:
    """Yield a server that accepts every request."""
    with ScriptedServer(Answer()) as server:
        yield server


@pytest.fixture
def proxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Yield a proxy that is set in the environment for all requests."""
    with ScriptedServer(Answer(502)) as server:
        for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, server.url)
        yield server


@pytest.fixture
def alice(endpoint: IdentityEndpoint, clock: Clock) -> UserAws:
    return UserAws(UserCredentials(endpoint.pool, "alice", now=clock), "eu-west-1")


def s3_of(user: UserAws, maker: str, **options: Any) -> Any:
    """Return an S3 client of the user, created by `maker`."""
    if maker == "resource":
        return user.resource("s3", **options).meta.client
    return (user.session() if maker == "session" else user).client("s3", **options)


# Profiles


def _profile(lines: str) -> str:
    return f"[default]\n{lines}\n[profile stray]\n{lines}\n"


ROLE = "role_arn = arn:aws:iam::123456789012:role/another\n"
PROFILES = {
    "missing": "",
    "broken": "[default\nregion = \x00",
    "no sections": "region = us-west-2",
    "role": _profile(f"{ROLE}source_profile = another"),
    "role with a token file": _profile(f"{ROLE}web_identity_token_file = /nothing"),
    "process": _profile("credential_process = touch {marker}"),
    "keys": _profile("aws_access_key_id = ASIA-another\naws_secret_access_key = another"),
    "single sign-on": _profile("sso_session = x\nsso_account_id = 1\nsso_role_name = another"),
    "region": _profile("region = us-west-2"),
    "endpoint": _profile(
        "endpoint_url = http://127.0.0.1:1\nservices = s\n[services s]\ns3 =\n endpoint_url = http://x"
    ),
    "signature": _profile(
        "sigv4a_signing_region_set = *\ns3 =\n  signature_version = s3\n  addressing_style = nonsense"
    ),
    "nonsense": _profile("max_attempts = many\nretry_mode = nonsense\nca_bundle = /nothing\ndefaults_mode = nonsense"),
}


@pytest.mark.parametrize(
    ("profile", "variable"),
    [
        *((profile, "AWS_PROFILE") for profile in PROFILES),
        *itertools.product(("missing", "role", "process", "keys", "region"), ("AWS_DEFAULT_PROFILE", "")),
    ],
)
def test_aws_profile_changes_no_client(
    alice: UserAws,
    s3: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    profile: str,
    variable: str,
) -> None:
    file, marker = tmp_path / "config", tmp_path / "ran"
    file.write_text(PROFILES[profile].replace("{marker}", str(marker)))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(file))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    if variable:
        monkeypatch.setenv(variable, "stray")
    for maker in MAKERS:
        ask_s3(s3_of(alice, maker))
    assert [signer(request) for request in s3.requests] == [("ASIA-alice-1", "session-alice-1")] * 3
    assert all("/eu-west-1/s3/aws4_request" in request.headers["authorization"] for request in s3.requests)
    assert not marker.exists()


@pytest.mark.parametrize("maker", MAKERS)
def test_endpoint_of_one_service_is_read_from_the_environment(
    alice: UserAws, s3: ScriptedServer, monkeypatch: pytest.MonkeyPatch, maker: str
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", s3.url)
    ask_s3(s3_of(alice, maker))
    assert s3.count == 1


# Proxies


@pytest.mark.parametrize(("host", "maker"), [*(("127.0.0.1", maker) for maker in MAKERS), ("localhost", "client")])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_loopback_endpoint_uses_no_proxy(
    alice: UserAws,
    s3: ScriptedServer,
    proxy: ScriptedServer,
    monkeypatch: pytest.MonkeyPatch,
    maker: str,
    host: str,
    by: str,
) -> None:
    url = s3.url.replace("127.0.0.1", host)
    monkeypatch.setenv("AWS_ENDPOINT_URL", url if by == "environment" else "http://elsewhere.example")
    ask_s3(s3_of(alice, maker, **({"endpoint_url": url} if by == "option" else {})))
    assert (s3.count, proxy.count) == (1, 0)


def test_loopback_endpoint_does_not_change_other_client_options(
    alice: UserAws, s3: ScriptedServer, proxy: ScriptedServer
) -> None:
    config = Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}, read_timeout=7)
    client = alice.client("s3", endpoint_url=s3.url, config=config)
    ask_s3(client)
    assert (client.meta.config.s3["addressing_style"], client.meta.config.read_timeout) == ("path", 7)
    assert client.meta.config.retries["total_max_attempts"] == 1
    assert (s3.count, proxy.count) == (1, 0)


def test_proxy_in_the_client_config_is_used(alice: UserAws, s3: ScriptedServer) -> None:
    with ScriptedServer(Answer()) as site_proxy:
        config = Config(proxies={"http": site_proxy.url})
        ask_s3(alice.client("s3", endpoint_url=s3.url, config=config))
        assert (s3.count, site_proxy.count) == (0, 1)


def test_proxy_in_the_client_config_overrides_the_environment(
    alice: UserAws, s3: ScriptedServer, proxy: ScriptedServer
) -> None:
    with ScriptedServer(Answer()) as site_proxy:
        ask_s3(alice.client("s3", endpoint_url=s3.url, config=Config(proxies={"http": site_proxy.url})))
        assert (s3.count, proxy.count, site_proxy.count) == (0, 0, 1)


@pytest.mark.parametrize("maker", MAKERS)
def test_endpoint_of_another_host_uses_the_proxy(alice: UserAws, proxy: ScriptedServer, maker: str) -> None:
    with pytest.raises(ProxyConnectionError):
        ask_s3(s3_of(alice, maker, config=ONE_TRY))
    assert [(request.method, request.path) for request in proxy.requests] == [
        ("CONNECT", "files.s3.eu-west-1.amazonaws.com:443")
    ]


@pytest.fixture
def directory_endpoint(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """Yield the user-pool API of the site's pool, without users."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with ScriptedServer(json_answer({"Users": []})) as server:
        settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": server.url}
        yield server
    factories.discard_instances()


def test_directory_at_a_loopback_endpoint_uses_no_proxy(
    directory_endpoint: ScriptedServer, proxy: ScriptedServer
) -> None:
    assert list(get_directory().users()) == []
    assert (directory_endpoint.count, proxy.count) == (1, 0)


@pytest.fixture
def insecure_host(settings: Any, container_host: str) -> str:
    """Accept plain http to the host of a container."""
    settings.DEBUG = True
    settings.COGNITO = {**settings.COGNITO, "INSECURE_HOSTS": [container_host]}
    return container_host


def test_directory_at_an_insecure_host_uses_no_proxy(
    directory_endpoint: ScriptedServer, proxy: ScriptedServer, settings: Any, insecure_host: str
) -> None:
    url = directory_endpoint.url.replace("127.0.0.1", insecure_host)
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": url}
    assert list(get_directory().users()) == []
    assert (directory_endpoint.count, proxy.count) == (1, 0)


def test_client_at_an_insecure_host_uses_no_proxy(
    alice: UserAws, s3: ScriptedServer, proxy: ScriptedServer, insecure_host: str
) -> None:
    ask_s3(s3_of(alice, "client", endpoint_url=s3.url.replace("127.0.0.1", insecure_host)))
    assert (s3.count, proxy.count) == (1, 0)


def test_directory_at_another_host_uses_the_proxy(
    directory_endpoint: ScriptedServer, proxy: ScriptedServer, settings: Any
) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": ""}
    with pytest.raises(CognitoUnavailableError):
        list(get_directory().users())
    assert [request.path for request in proxy.requests] == ["cognito-idp.eu-west-1.amazonaws.com:443"]
