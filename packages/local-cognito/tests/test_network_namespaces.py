"""A client in another network namespace reaches the local Cognito by its public host name, as in Docker Compose."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cognito_support.real_parts import NO_NETWORK_NAMESPACES

PACKAGE = Path(__file__).parents[1]
POOL_ID = "eu-west-1_Containers"
PUBLIC_URL = "http://cognito.localhost:9229"
SECRET = "a_secret_of_24_letters_or_more"
SEED = {
    "pools": [
        {
            "id": POOL_ID,
            "resource_servers": [{"identifier": "orders", "scopes": ["read"]}],
            "clients": [
                {"id": "1machine", "secret": SECRET, "flows": ["client_credentials"], "scopes": ["orders/read"]}
            ],
        }
    ]
}
# It runs in the namespace of the site: print the issuer, the status of the JWKS, and what other Hosts get.
CLIENT = f"""
import json, jwt, requests
issuer = "{PUBLIC_URL}/{POOL_ID}"
discovery = requests.get(issuer + "/.well-known/openid-configuration", timeout=30).json()
form = dict(grant_type="client_credentials", client_id="1machine", client_secret="{SECRET}")
raw = requests.post(discovery["token_endpoint"], data=form, timeout=30).json()["access_token"]
key = jwt.PyJWKClient(discovery["jwks_uri"]).get_signing_key_from_jwt(raw)
claims = jwt.decode(raw, key, algorithms=["RS256"], issuer=issuer)
by_address = requests.get("http://10.77.0.1:9229/", timeout=30).status_code
rebound = requests.get("{PUBLIC_URL}/", headers=dict(Host="evil.example"), timeout=30).status_code
print(json.dumps([claims["scope"], by_address, rebound]))
"""


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=300)


def in_namespace(name: str, hosts: Path, *command: str) -> list[str]:
    """Return the command line that runs `command` in a namespace with its own hosts file."""
    script = f'mount --bind {hosts} /etc/hosts && exec "$@"'
    return ["ip", "netns", "exec", name, "sh", "-c", script, "sh", *command]


@pytest.fixture
def namespaces() -> Iterator[tuple[str, str]]:
    """Yield the names of two connected namespaces: 10.77.0.1 and 10.77.0.2."""
    names = f"cognito-{os.getpid()}", f"site-{os.getpid()}"
    try:
        for name in names:
            run("ip", "netns", "add", name)
        run("ip", "link", "add", "eth0", "netns", names[0], "type", "veth", "peer", "name", "eth0", "netns", names[1])
        for number, name in enumerate(names, 1):
            run("ip", "-n", name, "address", "add", f"10.77.0.{number}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "lo", "up")
            run("ip", "-n", name, "link", "set", "eth0", "up")
    except (OSError, subprocess.CalledProcessError):
        _delete(names)
        pytest.skip(NO_NETWORK_NAMESPACES)
    yield names
    _delete(names)


def _delete(names: tuple[str, str]) -> None:
    for name in names:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True, timeout=300)


def test_client_in_another_namespace_uses_the_public_url(namespaces: tuple[str, str], tmp_path: Path) -> None:
    (tmp_path / "seed.json").write_text(json.dumps(SEED))
    (tmp_path / "own").write_text("127.0.0.1 localhost\n")
    (tmp_path / "site").write_text("127.0.0.1 localhost\n10.77.0.1 cognito.localhost\n")
    arguments = ["--seed", str(tmp_path / "seed.json"), "--state-dir", str(tmp_path / "state"), "--host", "0.0.0.0"]
    command = [sys.executable, "-m", "local_cognito", *arguments, "--allow-remote", "--public-url", PUBLIC_URL]
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE), "PYTHONUNBUFFERED": "1"}
    server = in_namespace(namespaces[0], tmp_path / "own", *command)
    with subprocess.Popen(server, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert any(line.startswith("{") for line in process.stdout)
            client = in_namespace(namespaces[1], tmp_path / "site", sys.executable, "-c", CLIENT)
            output = subprocess.check_output(client, text=True, timeout=300)
        finally:
            process.terminate()
    assert json.loads(output) == ["orders/read", 403, 403]
