"""The objects built from the settings: cached, rebuilt when the settings change, with the same key store."""

import itertools
import socket
import sys
import threading
import time
from functools import partial

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.utils.functional import SimpleLazyObject

from django_cognito import factories
from django_cognito.conf.loading import get_settings
from django_cognito.conf.pool_registry import PoolRegistry
from django_cognito.core.client_secret import ClientSecret
from django_cognito.core.errors import CognitoUnavailableError, TokenError
from django_cognito.core.hosted_ui import HostedUi, SignInSecrets
from django_cognito.factories import get_directory, get_hosted_ui, get_live_directory, get_verifier
from django_cognito.testing import make_token
from django_cognito.testing.keys import jwks
from tests.core.tokens.forging import needs_fetch

FACTORIES = [get_verifier, get_hosted_ui, get_directory]


@pytest.fixture(autouse=True)
def _discard_instances():
    yield
    factories.discard_instances()


@pytest.fixture(autouse=True)
def _no_network(monkeypatch) -> None:
    """Refuse connections, and set the credentials that boto3 reads."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("reached out"))


@pytest.mark.parametrize("get", FACTORIES)
def test_factory_returns_the_same_instance(get) -> None:
    assert get() is get()


@pytest.mark.parametrize("get", FACTORIES)
def test_factory_returns_a_new_instance_after_a_settings_change(get, settings) -> None:
    first = get()
    settings.COGNITO = {**settings.COGNITO, "LEEWAY_SECONDS": 1}
    assert get() is not first


@pytest.mark.parametrize("get", FACTORIES)
def test_discard_instances_discards_the_instance(get) -> None:
    first = get()
    factories.discard_instances()
    assert get() is not first


def test_factory_keeps_the_instance_after_another_settings_change(settings) -> None:
    first = get_verifier()
    settings.DEBUG = True
    assert get_verifier() is first


def test_verifier_uses_token_use_client_ids_and_max_bytes(settings, cognito_keys) -> None:
    settings.COGNITO = {**settings.COGNITO, "TOKEN_USE": "id", "CLIENT_IDS": ["other"], "TOKEN_MAX_BYTES": 2_048}
    assert get_verifier().verify(make_token(token_use="id", aud="other")).client_id == "other"
    for raw in (make_token(), make_token(token_use="id"), make_token(token_use="id", aud="other", x="x" * 2_048)):
        with pytest.raises(TokenError):
            get_verifier().verify(raw)


def test_verifier_uses_the_leeway_setting(settings, cognito_keys) -> None:
    expired_token = make_token(iat=1, auth_time=1, exp=int(time.time()) - 1)
    assert get_verifier().verify(expired_token)
    settings.COGNITO = {**settings.COGNITO, "LEEWAY_SECONDS": 0}
    with pytest.raises(TokenError):
        get_verifier().verify(expired_token)


@pytest.fixture
def loaded_keys() -> None:
    """Load the keys of `make_token` into the key store of these settings only."""
    get_verifier().load_jwks(get_settings().user_pool, jwks())


def test_cached_keys_survive_unrelated_settings_changes(settings, loaded_keys) -> None:
    settings.COGNITO = {**settings.COGNITO, "LEEWAY_SECONDS": 1, "CLIENT_IDS": ["1testclient23456789", "b"]}
    assert not needs_fetch(get_verifier(), make_token())
    assert get_verifier().verify(make_token())


@pytest.mark.parametrize(
    "change",
    [
        {"JWKS_URI": "https://keys.example.com/jwks.json"},
        {"JWKS_MAX_AGE_SECONDS": 60},
        {"JWKS_HARD_MAX_AGE_SECONDS": 7_200},
        {"HTTP_TIMEOUT_SECONDS": 1},
    ],
)
def test_changed_jwks_settings_use_another_key_store(settings, loaded_keys, change) -> None:
    settings.COGNITO = {**settings.COGNITO, **change}
    assert needs_fetch(get_verifier(), make_token())


def test_repeated_settings_changes_leave_no_instances(settings) -> None:
    get_verifier()
    get_hosted_ui()
    before = len(factories._instances)
    for leeway in range(20):
        settings.COGNITO = {**settings.COGNITO, "LEEWAY_SECONDS": leeway}
        get_verifier()
        get_hosted_ui()
    assert len(factories._instances) <= before + 1


class _ConstructsMeanwhile:
    """Part of a key. When its type is checked, another instance is stored, as if by another thread."""

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        factories._instances[HostedUi, object()] = None
        return object


def test_instance_that_is_stored_during_a_discard_is_no_error(settings) -> None:
    get_verifier()
    factories._instances[HostedUi, _ConstructsMeanwhile()] = None
    settings.COGNITO = {**settings.COGNITO, "LEEWAY_SECONDS": 1}
    assert not [key for key in factories._instances if type(key[1]) is PoolRegistry]


class _WatchedLock:
    """The lock of `once`, with an event that is set before it is waited for a second time."""

    def __init__(self) -> None:
        self.lock, self.entries, self.is_awaited = threading.RLock(), itertools.count(1), threading.Event()

    def __enter__(self) -> None:
        if next(self.entries) == 2:
            self.is_awaited.set()
        self.lock.acquire()

    def __exit__(self, *error: object) -> None:
        self.lock.release()


def test_waiting_thread_gets_the_instance_of_the_other_thread(monkeypatch) -> None:
    lock, instances, results = _WatchedLock(), [], []
    monkeypatch.setattr(factories, "_lock", lock)

    def make() -> object:
        instances.append(object())
        if len(instances) == 1:  # the second thread finds no instance and waits for the lock
            assert lock.is_awaited.wait(120)
        return instances[-1]

    threads = [threading.Thread(target=lambda: results.append(factories.cached_instance(make))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [instances[0], instances[0]]
    assert len(instances) == 1


def test_threads_that_construct_at_the_same_time_get_one_instance(monkeypatch) -> None:
    both_construct, results = threading.Barrier(2, timeout=120), []

    def construct(*args, **options) -> HostedUi:
        both_construct.wait()
        return HostedUi(*args, **options)

    monkeypatch.setattr(factories, "HostedUi", construct)
    threads = [threading.Thread(target=lambda: results.append(get_hosted_ui())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 2
    assert results[0] is results[1]


@pytest.mark.usefixtures("sqlite_features")
@pytest.mark.parametrize("wrap", [SimpleLazyObject, lambda function: function], ids=["lazy", "function"])
def test_secret_is_read_on_first_use_and_not_before(settings, wrap) -> None:
    read = []
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": wrap(lambda: read.append(1) or "s3cret")}
    get_settings()
    get_verifier()
    call_command("check", deploy=True, fail_level="CRITICAL")
    hosted_ui = get_hosted_ui()
    hosted_ui.authorize_url(SignInSecrets.new(), redirect_uri="https://site.example/", scopes=["openid"])
    assert read == []
    assert [hosted_ui._secret.read() for _ in range(2)] == ["s3cret"] * 2
    assert read == [1]


def test_lazy_secret_that_is_empty_is_a_public_client(settings) -> None:
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": SimpleLazyObject(lambda: "")}
    secret = get_hosted_ui()._secret
    assert (secret.read(), secret.read_again("")) == ("", None)


def test_lazy_secret_that_fails_is_unavailable_and_read_again_later(settings, monkeypatch) -> None:
    monkeypatch.setattr(factories, "ClientSecret", partial(ClientSecret, cooldown_seconds=0))
    results = ["", "s3cret"]
    settings.COGNITO = {**settings.COGNITO, "CLIENT_SECRET": SimpleLazyObject(lambda: results.pop(0) or 1 / 0)}
    with pytest.raises(CognitoUnavailableError):
        get_hosted_ui()._secret.read()
    assert get_hosted_ui()._secret.read() == "s3cret"


def test_directory_uses_region_and_endpoint_of_the_pool(settings) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": "http://localhost:9229"}
    directory = get_directory()
    assert directory._client.meta.region_name == "eu-west-1"
    assert directory._client.meta.endpoint_url == "http://localhost:9229"


def test_live_directory_waits_no_longer_than_a_request_may(settings) -> None:
    settings.COGNITO = {**settings.COGNITO, "HTTP_TIMEOUT_SECONDS": 2}
    directory = get_live_directory(get_settings())
    config = directory._client.meta.config
    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (2, 2, 1)
    assert get_live_directory(get_settings()) is directory
    assert get_directory() is not directory
    factories.discard_instances()
    assert get_live_directory(get_settings()) is not directory


def test_directory_without_boto3_names_the_extra(settings, monkeypatch) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": "http://localhost:9230"}
    monkeypatch.setitem(sys.modules, "boto3", None)
    with pytest.raises(ImproperlyConfigured, match=r"pip install 'django-aws-cognito\[aws\]'"):
        get_directory()
