"""Facts about tokens, keys and the discovery document."""

import base64
import hashlib
import json
from typing import Any

import jwt
import requests

from .pool import TIMEOUT_SECONDS, ContractPool
from .registry import fact


def _read_header(raw: str) -> dict[str, Any]:
    header: dict[str, Any] = jwt.get_unverified_header(raw)
    return header


def _get_issuer(pool: ContractPool) -> str:
    return str(pool.verifier.verify(pool.api_tokens["AccessToken"]).claims["iss"])


@fact("the package's verifier accepts access and ID tokens of the hosted UI and of the API", used_by="core/tokens")
def check_verifier(pool: ContractPool) -> str:
    raws = [pool.hosted_ui_tokens["access_token"], pool.hosted_ui_tokens["id_token"]]
    raws += [pool.api_tokens["AccessToken"], pool.api_tokens["IdToken"]]
    subs = {pool.verifier.verify(raw).sub for raw in raws}
    assert subs == {pool.sub}, len(subs)
    return _get_issuer(pool)


@fact("the header has `kid` and `alg` RS256 only, without `typ`", used_by="core/tokens/claims.py")
def check_header(pool: ContractPool) -> str:
    headers = [_read_header(pool.hosted_ui_tokens[name]) for name in ("access_token", "id_token")]
    assert all(header.keys() == {"kid", "alg"} and header["alg"] == "RS256" for header in headers), headers
    return "kid, alg"


@fact("access and ID tokens have different keys of the JWKS, RSA with 2048 bits", used_by="core/tokens/jwks.py")
def check_keys(pool: ContractPool) -> str:
    kids = {_read_header(pool.hosted_ui_tokens[name])["kid"] for name in ("access_token", "id_token")}
    url = f"{_get_issuer(pool)}/.well-known/jwks.json"
    keys = {key["kid"]: key for key in requests.get(url, timeout=TIMEOUT_SECONDS).json()["keys"]}
    assert kids <= keys.keys(), "a key is missing"
    bits = {len(base64.urlsafe_b64decode(keys[kid]["n"] + "==")) * 8 for kid in kids}
    assert bits == {2048}, bits
    assert len(kids) == 2, "one key signs both"
    return f"{len(keys)} keys in the JWKS"


@fact("an access token has `client_id` and no `aud`; an ID token has `aud`", used_by="core/tokens/claims.py")
def check_client_claims(pool: ContractPool) -> str:
    access = pool.verifier.verify(pool.hosted_ui_tokens["access_token"]).claims
    identity = pool.verifier.verify(pool.hosted_ui_tokens["id_token"]).claims
    assert access["client_id"] == identity["aud"] == pool.web_client.id
    assert "aud" not in access, access.get("aud")
    return "as expected"


@fact("`at_hash` is the left half of the SHA-256 of the access token", used_by="core/tokens/claims.py")
def check_at_hash(pool: ContractPool) -> str:
    digest = hashlib.sha256(pool.hosted_ui_tokens["access_token"].encode()).digest()[:16]
    expected = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    claims = pool.verifier.verify(pool.hosted_ui_tokens["id_token"]).claims
    assert claims["at_hash"] == expected, claims["at_hash"]
    return "equal"


@fact("tokens of a user without groups have no `cognito:groups`", used_by="authorization/memberships.py")
def check_groups_are_absent(pool: ContractPool) -> str:
    claims = pool.verifier.verify(pool.hosted_ui_tokens["access_token"]).claims
    assert "cognito:groups" not in claims, claims.get("cognito:groups")
    return "absent"


@fact("access tokens of the API have only the scope aws.cognito.signin.user.admin", used_by="docs/requests.md")
def check_api_scope(pool: ContractPool) -> str:
    scope = str(pool.verifier.verify(pool.api_tokens["AccessToken"]).claims["scope"])
    assert scope == "aws.cognito.signin.user.admin", scope
    return scope


@fact("a machine-to-machine token has `sub` equal to `client_id` and no username", used_by="users/accounts/machine.py")
def check_machine_token(pool: ContractPool) -> str:
    response = pool.post("/oauth2/token", pool.machine_client, grant_type="client_credentials")
    assert response.status_code == 200, response.text
    claims = pool.verifier.verify(response.json()["access_token"]).claims
    assert claims["sub"] == claims["client_id"] == pool.machine_client.id
    assert not claims.keys() & {"username", "cognito:groups"}, sorted(claims)
    return ", ".join(sorted(claims))


@fact("the discovery document has issuer, JWKS URL and the endpoints of the domain", used_by="docs/real-pool.md")
def check_discovery(pool: ContractPool) -> str:
    url = f"{_get_issuer(pool)}/.well-known/openid-configuration"
    document = requests.get(url, timeout=TIMEOUT_SECONDS).json()
    assert document["issuer"] == _get_issuer(pool), document["issuer"]
    needed = {"jwks_uri", "authorization_endpoint", "token_endpoint", "userinfo_endpoint"}
    assert needed <= document.keys(), json.dumps(sorted(document))
    return ", ".join(sorted(document))
