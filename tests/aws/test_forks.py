"""A forked process uses no lock that a thread of its parent holds, and no connection of its parent."""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from cachetools import TTLCache

from django_cognito import factories
from django_cognito.aws import boto_sessions, client_cache, credentials
from django_cognito.aws.client_cache import UserAws
from django_cognito.aws.credentials import UserCredentials
from django_cognito.conf import loading
from django_cognito.core import forks
from django_cognito.core.directory import Directory
from django_cognito.factories import get_directory
from tests.support.clock import Clock
from tests.support.forking import in_a_child
from tests.support.s3_calls import ask_s3

from .identity_endpoint import IdentityEndpoint

WAIT_SECONDS = 20
pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows does not fork"),
    pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning"),
]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"  # persistent connections
    server: "_Server"

    def respond(self) -> None:
        """Accept the request and record the port of the client."""
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.client_ports.append(self.client_address[1])
        body = b'{"Users": []}' if self.command == "POST" else b""
        self.send_response(200 if body else 204)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_DELETE = do_POST = respond  # noqa: N815 - names of BaseHTTPRequestHandler

    def log_message(self, *args: Any) -> None:
        """Log nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.client_ports: list[int] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"


@pytest.fixture
def server() -> Iterator[_Server]:
    with _Server() as started:
        thread = threading.Thread(target=started.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield started
        started.shutdown()
        thread.join(5)


@pytest.fixture
def alice(endpoint: IdentityEndpoint, clock: Clock) -> UserAws:
    return UserAws(UserCredentials(endpoint.pool, "alice", now=clock), "eu-west-1")


@contextmanager
def locked_by_a_thread(*locks: Any) -> Iterator[None]:
    """Hold `locks` in another thread, as a thread does that uses them at the moment of a fork."""
    is_held, may_release = threading.Event(), threading.Event()

    def hold() -> None:
        for lock in locks:
            lock.acquire()
        is_held.set()
        may_release.wait(WAIT_SECONDS)
        for lock in locks:
            lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert is_held.wait(WAIT_SECONDS)
        yield
    finally:
        may_release.set()
        thread.join(WAIT_SECONDS)


LOCKS: dict[str, Callable[[UserAws], Any]] = {
    "clients": lambda alice: client_cache._lock,
    "a user's clients": lambda alice: alice._lock,
    "a user's credentials": lambda alice: alice.credentials._lock,
    "AWS's models": lambda alice: boto_sessions._loader()._lock,
    "runtime": lambda alice: factories._lock,
    "conf": lambda alice: loading._lock,
}


@pytest.mark.parametrize("name", LOCKS)
def test_forked_child_has_a_new_lock(alice: UserAws, name: str) -> None:
    lock = LOCKS[name]
    with locked_by_a_thread(lock(alice)):
        assert in_a_child(lambda: lock(alice).acquire(timeout=2)) is True


def test_forked_child_has_a_new_lock_of_credentials_without_clients(endpoint: IdentityEndpoint) -> None:
    user_credentials = UserCredentials(endpoint.pool, "alice")
    with locked_by_a_thread(user_credentials._lock):
        assert in_a_child(lambda: user_credentials._lock.acquire(timeout=2)) is True


def test_forked_child_creates_a_client_while_every_lock_is_held(alice: UserAws, server: _Server) -> None:
    ask_s3(alice.client("s3", endpoint_url=server.url))
    with locked_by_a_thread(*(lock(alice) for lock in LOCKS.values())):
        assert in_a_child(lambda: ask_s3(alice.client("s3", endpoint_url=server.url))) is None
    assert len(server.client_ports) == 2


def test_forked_child_opens_its_own_connection(alice: UserAws, endpoint: IdentityEndpoint, server: _Server) -> None:
    for _ in range(2):
        ask_s3(alice.client("s3", endpoint_url=server.url))
    in_a_child(lambda: ask_s3(alice.client("s3", endpoint_url=server.url)))
    ask_s3(alice.client("s3", endpoint_url=server.url))
    first, second, child_port, after = server.client_ports
    assert first == second == after != child_port
    assert endpoint.operations == ["GetId", "GetCredentialsForIdentity"]  # credentials may be shared


def test_forked_child_closes_the_idle_connections_of_its_parent(alice: UserAws, server: _Server) -> None:
    client = alice.client("s3", endpoint_url=server.url)
    ask_s3(client)
    (pool,) = client._endpoint.http_session._manager.pools._container.values()
    descriptor = next(filter(None, pool.pool.queue)).sock.fileno()
    inode = os.fstat(descriptor).st_ino
    assert inode not in in_a_child(lambda: [os.stat(f"/dev/fd/{name}").st_ino for name in _descriptors()])
    ask_s3(client)
    assert len(set(server.client_ports)) == 1


def _descriptors() -> list[str]:
    return [name for name in os.listdir("/dev/fd") if os.path.exists(f"/dev/fd/{name}")]


def test_forked_child_waits_for_no_lock_of_a_connection_pool(alice: UserAws, server: _Server) -> None:
    client = alice.client("s3", endpoint_url=server.url)
    ask_s3(client)
    pools = client._endpoint.http_session._manager.pools
    (pool,) = pools._container.values()
    with locked_by_a_thread(pools.lock, pool.pool.mutex):
        assert in_a_child(lambda: ask_s3(alice.client("s3", endpoint_url=server.url))) is None


@pytest.fixture
def site_keys(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set AWS keys for the site's directory, so that boto3 does not search for them."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    factories.discard_instances()
    yield
    factories.discard_instances()


def test_forked_child_has_its_own_directory(settings: Any, server: _Server, site_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "ENDPOINT_URL": server.url}
    first = get_directory()
    assert list(first.users()) == []
    assert in_a_child(lambda: list(get_directory().users())) == []
    assert list(get_directory().users()) == []
    before, child_port, after = server.client_ports
    assert before == after != child_port
    assert get_directory() is first


# Functions of the child, called in this process for branch coverage


@pytest.fixture
def _empty_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forks, "_left_behind", [])


@pytest.mark.usefixtures("_empty_left_behind")
def test_reset_after_fork_clears_clients_but_not_credentials(alice: UserAws) -> None:
    client, current = alice.client("s3"), alice.credentials.get_current()
    client_cache._reset_after_fork()
    assert alice._session is None
    assert alice.client("s3") is not client
    assert alice.credentials.get_current() is current
    assert forks._left_behind[0] is client


@pytest.mark.usefixtures("_empty_left_behind")
def test_idle_connections_of_a_client_left_behind_are_closed(alice: UserAws, server: _Server) -> None:
    client = alice.client("s3", endpoint_url=server.url)
    ask_s3(client)
    (pool,) = client._endpoint.http_session._manager.pools._container.values()
    idle = next(filter(None, pool.pool.queue))
    assert idle.sock is not None
    forks.close_after_fork(client)
    assert idle.sock is None


@pytest.mark.usefixtures("_empty_left_behind")
def test_reset_after_fork_clears_directories_but_not_verifiers(site_keys: None) -> None:
    directory, verifier, lock = get_directory(), factories.get_verifier(), factories._lock
    factories._reset_after_fork()
    assert factories._lock is not lock
    assert factories.get_verifier() is verifier
    assert get_directory() is not directory


@pytest.mark.parametrize("is_held", [False, True])
def test_user_cache_is_replaced_if_a_thread_was_changing_it(
    monkeypatch: pytest.MonkeyPatch, endpoint: IdentityEndpoint, is_held: bool
) -> None:
    monkeypatch.setattr(client_cache, "_cache", TTLCache(9, 9))
    monkeypatch.setattr(client_cache, "_lock", threading.Lock())
    pool = endpoint.pool
    client_cache.get_or_create_aws(pool, "alice")
    if is_held:
        client_cache._lock.acquire()
    client_cache._reset_after_fork()
    assert (client_cache.get_cached_aws(pool, "alice") is None) is is_held


@pytest.mark.parametrize("is_held", [False, True])
def test_models_of_aws_are_read_again_if_a_thread_was_reading_one(is_held: bool) -> None:
    loader = boto_sessions._loader()
    if is_held:
        with locked_by_a_thread(loader._lock):
            boto_sessions._reset_loader()
    else:
        boto_sessions._reset_loader()
    assert (boto_sessions._loader() is not loader) is is_held


def test_child_that_uses_no_aws_loads_no_models() -> None:
    boto_sessions._loader.cache_clear()
    boto_sessions._reset_loader()
    assert boto_sessions._loader.cache_info().currsize == 0


def test_locks_of_credentials_are_replaced(endpoint: IdentityEndpoint) -> None:
    user_credentials = UserCredentials(endpoint.pool, "alice")
    former_lock = user_credentials._lock
    credentials._reset_locks()
    assert user_credentials._lock is not former_lock


@pytest.mark.usefixtures("_empty_left_behind")
def test_client_without_connections_is_left_behind_without_an_error() -> None:
    client = object()
    Directory(client, "eu-west-1_AbCdEfGhI").close_after_fork()
    assert forks._left_behind == [client]


def test_platform_without_fork_registers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "register_at_fork")
    forks.run_in_forked_child(lambda: None)
