"""A local Cognito for all sites, and a site for each package."""

import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from local_cognito import Emulator

from .browsers import CLIENT_ID, PASSWORD, POOL_ID, SECRET
from .environments import PACKAGES, create_environment
from .moved_site import MovedSite

# Of each package: the path of its callback. The site is moved to /auth/callback/.
CALLBACKS = {
    "mozilla-django-oidc": "/oidc/callback/",
    "django-allauth": "/accounts/amazon-cognito/login/callback/",
}


def build_seed(ports: dict[str, int], **pool: Any) -> dict[str, Any]:
    """Return a seed with the ids of the guides; its users have the password `PASSWORD`."""
    sites = {name: f"http://localhost:{port}" for name, port in ports.items()}
    callbacks = [f"{url}/auth/callback/" for url in sites.values()]
    callbacks += [sites[name] + path for name, path in CALLBACKS.items()]
    client = {
        "id": CLIENT_ID,
        "secret": SECRET,
        "callback_urls": callbacks,
        "logout_urls": [f"{url}/" for url in sites.values()],
        "scopes": ["openid", "email", "profile"],
        "auth_flows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        **pool.pop("client", {}),
    }
    users = [
        {"username": name, "password": PASSWORD, "email": f"{name}@example.com", "email_verified": True}
        for name in ("alice", "bob", "carol", "dave", "erin")
    ]
    return {"pools": [{"id": POOL_ID, "clients": [client], "users": users, **pool}]}


def listen_below_outgoing_ports() -> socket.socket:
    """Return a server on a random free port that no outgoing connection of another process takes meanwhile."""
    while True:
        with suppress(OSError):
            return socket.create_server(("127.0.0.1", random.SystemRandom().randrange(20_000, 32_768)))


@pytest.fixture(scope="session")
def ports() -> dict[str, int]:
    """Return a free port for the site of each package."""
    with ExitStack() as stack:
        sockets = {name: stack.enter_context(listen_below_outgoing_ports()) for name in PACKAGES}
        return {name: item.getsockname()[1] for name, item in sockets.items()}


@pytest.fixture(scope="session")
def cognito(ports: dict[str, int]) -> Iterator[Emulator]:
    with Emulator(seed=build_seed(ports)) as emulator:
        yield emulator


@pytest.fixture(scope="session")
def find_python(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Return a function that returns the interpreter of a package's environment. It replaces that of another package.

    All are created in one folder, so that the bytecode of Django is compiled once (PYTHONPYCACHEPREFIX).
    """
    folder = tmp_path_factory.mktemp("environment")
    return lru_cache(maxsize=1)(lambda name: create_environment(PACKAGES[name], folder))


@pytest.fixture
def make_site(
    ports: dict[str, int],
    find_python: Callable[[str], Path],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[..., MovedSite]:
    """Return a function that returns the site of a package."""

    def make(name: str, cognito: Emulator, directory: str = "", **variables: str) -> MovedSite:
        folder = tmp_path / "site"
        folder.mkdir()
        site = MovedSite(name, find_python(name), folder, ports[name], directory)
        site.variables = {
            "PYTHONPYCACHEPREFIX": str(tmp_path_factory.getbasetemp() / "bytecode"),
            "LOCAL_COGNITO": cognito.url,
            "COGNITO_CLIENT_SECRET": SECRET,
            "AWS_ACCESS_KEY_ID": "any",
            "AWS_SECRET_ACCESS_KEY": "any",
            **variables,
        }
        site.local_settings = {
            "ISSUER": cognito.issuer(POOL_ID),
            "DOMAIN": cognito.domain,
            "ENDPOINT_URL": cognito.endpoint_url,
            "HTTP_TIMEOUT_SECONDS": 30,  # a local Cognito on a busy computer is slower than AWS
        }
        return site

    return make
