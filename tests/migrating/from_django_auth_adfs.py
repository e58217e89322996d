"""docs/migrating-django-auth-adfs.md. A stub stands for AD FS, an OpenID provider for its SAML sign-in at Cognito."""

import base64
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jwt
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from local_cognito import Emulator
from local_cognito_support.scripted_server import Answer, ScriptedServer, json_answer

from tests.support.certificates import Authority
from tests.support.signing import private_key

from .browsers import Browser, read_result
from .conftest import build_seed
from .moved_site import AFTER, MovedSite

with warnings.catch_warnings(record=True):  # of its dependencies
    import oidc_provider_mock

USERS = {
    "alice": {"group": ["Admins", "Editors"]},
    "bob": {"group": ["Editors"]},
    "dave": {"group": ["Editors"]},
}


class Adfs(ScriptedServer):
    """AD FS: its configuration, its keys, and its token endpoint, by path. The code is the name of the user."""

    def __init__(self, folder: Path) -> None:
        authority = Authority(folder)
        super().__init__(tls=authority.tls("localhost"))
        self.host = self.url.replace("https://127.0.0.1", "localhost")
        self.variables = {"ADFS_SERVER": self.host, "ADFS_CA_BUNDLE": str(authority.bundle)}
        certificate = x509.load_pem_x509_certificate((folder / "server.pem").read_bytes())
        self._x5c = base64.b64encode(certificate.public_bytes(Encoding.DER)).decode()

    def _next(self, request: Any) -> Answer:
        origin = f"https://{self.host}/adfs"
        path = request.path.partition("?")[0]
        if path.endswith("openid-configuration"):
            names = ("authorization_endpoint", "token_endpoint", "end_session_endpoint", "access_token_issuer")
            return json_answer({**{name: f"{origin}/{name}" for name in names}, "jwks_uri": f"{origin}/keys"})
        if path.endswith("keys"):
            return json_answer({"keys": [{"use": "sig", "x5c": [self._x5c]}]})
        name = dict(part.split("=") for part in request.body.decode().split("&"))["code"]
        claims = {"upn": f"{name}@corp.example", "email": f"{name}@example.com", **USERS[name]}
        times = {"iat": int(time.time()), "exp": int(time.time()) + 600}
        claims |= {"iss": f"{origin}/access_token_issuer", "aud": "the-site", **times}
        return json_answer({"access_token": jwt.encode(claims, private_key("server"), "RS256")})


@contextmanager
def running_provider(ports: dict[str, int]) -> Iterator[tuple[Emulator, Callable[..., None]]]:
    """Yield a local Cognito with one provider, and a function that sets the groups of a user there."""
    with oidc_provider_mock.run_server_in_thread() as server:
        url = f"http://localhost:{server.server_port}"
        provider = {
            "name": "Adfs",
            "type": "SAML",
            "oidc_issuer": url,
            "client_id": "cognito",
            "client_secret": "any",
            "attribute_mapping": {"email": "email", "email_verified": "email_verified", "custom:groups": "groups"},
        }
        seed = build_seed(ports, identity_providers=[provider], client={"identity_providers": ["Adfs"]}, users=[])

        def put_user(name: str, *groups: str) -> None:
            claims = {"email": f"{name}@example.com", "email_verified": True, "groups": groups}
            answer = requests.put(f"{url}/users/{quote(f'{name}@corp.example')}", json=claims, timeout=30)
            assert answer.status_code == 204

        with Emulator(seed=seed) as emulator:
            yield emulator, put_user


def sign_in(site: MovedSite, name: str) -> Any:
    """Sign in at the provider; return status and primary key."""
    with Browser() as browser:
        page = browser.open(site.url)
        return read_result(browser.post(page.url, data={"sub": f"{name}@corp.example"}, timeout=30))


def test_directory_users_keep_accounts_and_groups_by_cognito(
    make_site: Callable[..., MovedSite], ports: dict[str, int], tmp_path: Path
) -> None:
    with Adfs(tmp_path) as adfs, running_provider(ports) as (cognito, put_user):
        site = make_site("django-auth-adfs", cognito, **adfs.variables)
        with site.serve(old=True):
            urls = [f"{site.url}/oauth2/callback?code={name}" for name in USERS]
            assert [read_result(Browser().open(url)) for url in urls] == [(200, 1), (200, 2), (200, 3)]
        site.execute("UPDATE auth_user SET is_active = 0 WHERE email = 'dave@example.com'")
        before = site.read_users()
        assert before["alice@example.com"] == (1, "alice@corp.example", 1, 1, 0, ["Admins", "Editors"])

        for name, claims in USERS.items():
            put_user(name, *claims["group"])
        put_user("erin", "Editors")
        with site.serve(*AFTER, old=False):
            assert [sign_in(site, name) for name in ("alice", "bob", "erin")] == [(200, 1), (200, 2), (200, 4)]
            assert sign_in(site, "dave") == (403, None)
            after = site.read_users()
            erin = after.pop("erin@example.com")
            assert after == before
            assert erin[-1] == ["Editors"]
            put_user("alice", "Editors")  # who is no administrator any more
            time.sleep(1)  # of two tokens of one second, the first one stays
            assert sign_in(site, "alice") == (200, 1)
            assert site.read_users()["alice@example.com"] == (1, "alice@corp.example", 1, 0, 0, ["Editors"])
