"""A scripted OpenID provider: a user pool's issuer and its domain on one origin.

    with Provider(POOL_ID, CLIENT_ID) as provider:
        settings.COGNITO = {..., **provider.settings}
        provider.fault = Fault(id_claims={"iss": "https://op.invalid/"})
        ... provider.called_endpoints ...

Without a fault it sends what Cognito sends (source: AWS developer guide): single-use codes, PKCE with S256, one key
for each kind of token, no `iss` with the code, and no new refresh token.
"""

import base64
import hashlib
import itertools
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from local_cognito_support.scripted_server import Answer, Request, ScriptedServer, Step, json_answer

from django_cognito.core import TokenUse
from django_cognito.core.tokens.token import read_unverified
from django_cognito.testing import make_token
from tests.support.signing import jwks, private_key

from .fault import NO_FAULT, changed

CLIENT_ID, SECRET = "1testclient23456789", "a-secret+of:the/app%client"

Form = Mapping[str, str]


@dataclass(frozen=True)
class Grant:
    """The sign-in of one user at one app client."""

    username: str
    authorize_params: Form

    def common(self, issuer: str) -> dict[str, Any]:
        """Return the claims that its tokens have in common, apart from those of the user."""
        return {"iss": issuer, "origin_jti": f"sign-in-{self.authorize_params['state'][:8]}"}


class Provider(ScriptedServer):
    """The provider; `with` starts and stops it. The user `username` signs in at it.

    `called_endpoints` has the names of the endpoints in the order of the requests; an unknown path is listed as is.
    """

    def __init__(
        self, user_pool_id: str, client_id: str, client_secret: str = "", *, tls: ssl.SSLContext | None = None
    ) -> None:
        super().__init__(tls=tls)
        self.user_pool_id, self.client_id, self.client_secret = user_pool_id, client_id, client_secret
        self.username = "alice"
        self.fault = NO_FAULT
        self.called_endpoints: list[str] = []
        self.keys = {"id": "id-1", "access": "access-1"}
        self._codes: dict[str, Grant] = {}
        self._grants: dict[str, Grant] = {}  # by refresh token and by access token
        self._numbers = itertools.count(1)
        self._endpoints = {
            "/oauth2/authorize": self.authorize,
            "/oauth2/token": self.token,
            "/oauth2/userInfo": self.user_info,
            "/oauth2/revoke": self.revoke,
            f"/{user_pool_id}/.well-known/jwks.json": self.jwks,
            f"/{user_pool_id}/.well-known/openid-configuration": self.discovery,
        }

    @property
    def issuer(self) -> str:
        """Return the pool's issuer."""
        return f"{self.url}/{self.user_pool_id}"

    @property
    def settings(self) -> dict[str, str]:
        """Return the settings in COGNITO that make this the site's pool."""
        secret = {"CLIENT_SECRET": self.client_secret} if self.client_secret else {}
        return {"USER_POOL_ID": self.user_pool_id, "ISSUER": self.issuer, "DOMAIN": self.url, **secret}

    @property
    def authorization_request(self) -> Form:
        """Return the parameters of the most recent authorization request."""
        paths = [request.path for request in self.requests if request.path.startswith("/oauth2/authorize?")]
        return _single(urlsplit(paths[-1]).query)

    @property
    def counts(self) -> Counter[str]:
        """Return the number of requests to each endpoint."""
        return Counter(self.called_endpoints)

    def rotate(self) -> None:
        """Sign with new keys and stop publishing the old ones. Cognito publishes old keys for a while."""
        number = next(self._numbers)
        self.keys = {use: f"{use}-rotated-{number}" for use in self.keys}

    def _next(self, request: Request) -> Step:
        super()._next(request)  # which stores the request
        path = urlsplit(request.path).path
        endpoint = self._endpoints.get(path)
        name = endpoint.__name__ if endpoint else path
        self.called_endpoints.append(name)
        if name in self.fault.steps:
            return self.fault.steps[name]
        return endpoint(request) if endpoint else Answer(404)

    def authorize(self, request: Request) -> Step:
        """Redirect to the callback with a code, as if the user had signed in."""
        params = _single(urlsplit(request.path).query)
        required = {"response_type": "code", "client_id": self.client_id, "code_challenge_method": "S256"}
        if required.items() - params.items() or not params.keys() >= {
            "redirect_uri",
            "state",
            "nonce",
            "code_challenge",
        }:
            return Answer(400)  # Cognito shows its own error page
        if "openid" not in params.get("scope", "").split(" "):
            return Answer(400)  # OpenID Connect Core 3.1.2.1: without it the request is no OpenID request
        code = f"code-{next(self._numbers)}"
        self._codes[code] = Grant(self.username, params)
        back = changed({"code": code, "state": params["state"]}, self.fault.callback_params)
        return Answer(302, headers={"location": f"{params['redirect_uri']}?{urlencode(back, doseq=True)}"})

    def token(self, request: Request) -> Step:
        """Return tokens for a code or for a refresh token."""
        form = _single(request.body.decode())
        if not self._is_client(request, form):
            return json_answer({"error": "invalid_client"}, 401)
        if form["grant_type"] == "refresh_token":
            grant = self._grants.get(form["refresh_token"])
            return self._tokens(grant) if grant else _refused("invalid_grant")
        grant = self._codes.pop(form["code"], None)
        if grant is None or not _is_redeemed(grant.authorize_params, form):
            return _refused("invalid_grant")
        # Five parts, like Cognito's.
        refresh_token = f"eyJjdHkiOiJKV1QiLCJlbmMi.{next(self._numbers)}.iv.sealed.tag"
        self._grants[refresh_token] = grant
        return self._tokens(grant, nonce=grant.authorize_params["nonce"], refresh_token=refresh_token)

    def user_info(self, request: Request) -> Step:
        """Return the attributes of the access token's user. `email_verified` is a string, as Cognito sends it."""
        scheme, _, raw = request.headers.get("authorization", "").partition(" ")
        grant = self._grants.get(raw) if scheme == "Bearer" else None
        if grant is None:
            return json_answer({"error": "invalid_token"}, 401)
        name = grant.username
        document = {
            "sub": read_unverified(raw)["sub"],
            "username": name,
            "email": f"{name}@example.com",
            "email_verified": "true",
        }
        return json_answer(changed(document, self.fault.user_info))

    def revoke(self, request: Request) -> Step:
        """Revoke a refresh token; an unknown token is no error."""
        form = _single(request.body.decode())
        if not self._is_client(request, form):
            return json_answer({"error": "invalid_client"}, 401)
        self._grants.pop(form["token"], None)
        return Answer()

    def jwks(self, request: Request) -> Step:
        """Return the two public keys of the current signing keys."""
        return json_answer(jwks(*sorted({*self._keys.values()})))

    def discovery(self, request: Request) -> Step:
        """Return the discovery document, which the package does not use."""
        document = {
            "authorization_endpoint": f"{self.url}/oauth2/authorize",
            "end_session_endpoint": f"{self.url}/logout",
            "id_token_signing_alg_values_supported": ["RS256"],
            "issuer": self.issuer,
            "jwks_uri": f"{self.issuer}/.well-known/jwks.json",
            "response_types_supported": ["code", "token"],
            "revocation_endpoint": f"{self.url}/oauth2/revoke",
            "scopes_supported": ["openid", "email", "phone", "profile"],
            "subject_types_supported": ["public"],
            "token_endpoint": f"{self.url}/oauth2/token",
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
            "userinfo_endpoint": f"{self.url}/oauth2/userInfo",
        }
        return json_answer(changed(document, self.fault.discovery))

    @property
    def _keys(self) -> Mapping[str, str]:
        return {**self.keys, **self.fault.keys}

    def _is_client(self, request: Request, form: Form) -> bool:
        authorization = request.headers.get("authorization")
        if not self.client_secret:
            return authorization is None and form.get("client_id") == self.client_id
        # RFC 6749 2.3.1: both are form-encoded before they are joined.
        basic = base64.b64encode(urlencode({self.client_id: self.client_secret}).replace("=", ":", 1).encode()).decode()
        return authorization == f"Basic {basic}" and "client_secret" not in form

    def _tokens(self, grant: Grant, *, nonce: str | None = None, refresh_token: str | None = None) -> Step:
        fault = self.fault
        access_token = self._signed("access", grant, {"scope": grant.authorize_params["scope"], **fault.access_claims})
        self._grants[access_token] = grant
        id_claims = {"nonce": nonce, "at_hash": at_hash(access_token), **fault.id_claims}
        id_token = self._signed("id", grant, id_claims, header=fault.header, signer=fault.signer)
        if not fault.is_signed:
            id_token = id_token.rpartition(".")[0] + "."
        answer = {"access_token": access_token, "id_token": id_token, "refresh_token": refresh_token}
        return json_answer(changed({**answer, "token_type": "Bearer", "expires_in": 3600}, fault.answer))

    def _signed(
        self, token_use: TokenUse, grant: Grant, claims: Mapping[str, Any], *, header: Any = None, signer: str = ""
    ) -> str:
        kid = self._keys[token_use]
        return make_token(
            token_use=token_use,
            username=grant.username,
            header={"kid": kid, **(header or {})},
            key=private_key(signer or kid),
            **{**grant.common(self.issuer), **claims},
        )


def at_hash(access_token: str) -> str:
    """Return the left half of the access token's SHA-256 (OpenID Connect Core 3.1.3.6)."""
    return base64.urlsafe_b64encode(hashlib.sha256(access_token.encode()).digest()[:16]).rstrip(b"=").decode()


def _is_redeemed(params: Form, form: Form) -> bool:
    """Return whether `form` belongs to the authorization request with `params`."""
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return (form["redirect_uri"], challenge) == (params["redirect_uri"], params["code_challenge"])


def _refused(error: str) -> Step:
    return json_answer({"error": error}, 400)


def _single(encoded: str) -> dict[str, str]:
    """Return the fields of a form or a query; a repeated field is an error of the package."""
    return {name: value for name, (value,) in parse_qs(encoded, strict_parsing=True).items()}
