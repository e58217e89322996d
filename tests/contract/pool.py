"""The real user pool: temporary app clients and one temporary user, which are deleted at the end.

Everything is created on first use. `counts` has the number of requests.
"""

import base64
import hashlib
import hmac
import os
import secrets
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import boto3
import requests
from botocore.exceptions import ClientError

from django_cognito.core import TokenVerifier, UserPool

from .hosted_ui import CALLBACK_URL, Browser, SignInResult
from .registry import UnmetRequirementError

TIMEOUT_SECONDS = 30
PASSWORD = "Contract-1-" + secrets.token_hex(8)


@dataclass(frozen=True)
class Client:
    """A temporary app client. `secret` is empty for a public client."""

    id: str
    secret: str = ""

    def hash_secret(self, username: str) -> dict[str, str]:
        """Return the parameter SECRET_HASH; nothing for a public client."""
        if not self.secret:
            return {}
        digest = hmac.digest(self.secret.encode(), (username + self.id).encode(), hashlib.sha256)
        return {"SECRET_HASH": base64.b64encode(digest).decode()}


@dataclass
class ContractPool:
    """The pools named by the environment, a context manager. AWS credentials are boto3's usual ones."""

    user_pool_id: str
    domain: str
    identity_pool_id: str = ""
    issuer: str = ""
    identity_client: Client | None = None  # accepted by the identity pool, with ALLOW_ADMIN_USER_PASSWORD_AUTH
    counts: Counter[str] = field(default_factory=Counter)
    _cleanup: ExitStack = field(default_factory=ExitStack)

    @classmethod
    def from_environment(cls) -> Self | None:
        """Return the pools that the variables `CONTRACT_...` name; None without a user pool and its domain."""
        names = ("USER_POOL_ID", "DOMAIN", "IDENTITY_POOL_ID", "ISSUER", "CLIENT_ID", "CLIENT_SECRET")
        pool_id, domain, identity_pool_id, issuer, *client = (os.environ.get(f"CONTRACT_{name}", "") for name in names)
        if not pool_id or not domain:
            return None
        origin = domain if "://" in domain else f"https://{domain}"
        identity_client = Client(*client) if client[0] else None
        return cls(pool_id, origin.rstrip("/"), identity_pool_id, issuer, identity_client)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._cleanup.close()

    # Values of the pool

    @property
    def region(self) -> str:
        """Return the region, the first part of the user pool's id."""
        return self.user_pool_id.partition("_")[0]

    @cached_property
    def description(self) -> Mapping[str, Any]:
        """Return what DescribeUserPool returns."""
        description: Mapping[str, Any] = self.call("describe_user_pool")["UserPool"]
        return description

    @cached_property
    def verifier(self) -> TokenVerifier:
        """Return the package's verifier for the temporary app clients."""
        ids = (self.web_client.id, self.api_client.id, self.rotating_client.id, self.machine_client.id)
        issuer = {"issuer": self.issuer} if self.issuer else {}
        return TokenVerifier(UserPool(self.user_pool_id, client_ids=ids, **issuer), token_use=None)

    # Calls

    @cached_property
    def idp(self) -> Any:
        """Return a boto3 client of the user-pool API."""
        return boto3.client("cognito-idp", region_name=self.region)

    @cached_property
    def identity(self) -> Any:
        """Return a boto3 client of the identity-pool API."""
        return boto3.client("cognito-identity", region_name=self.region)

    def call(self, operation: str, **arguments: Any) -> Any:
        """Call an operation of the user-pool API that takes the pool's id, with AWS credentials."""
        self.counts["user-pool API"] += 1
        return getattr(self.idp, operation)(UserPoolId=self.user_pool_id, **arguments)

    def call_public(self, operation: str, **arguments: Any) -> Any:
        """Call an operation of the user-pool API that the app client or a token authorizes."""
        self.counts["user-pool API"] += 1
        return getattr(self.idp, operation)(**arguments)

    def call_identity(self, operation: str, **arguments: Any) -> Any:
        """Call an operation of the identity-pool API."""
        if not self.identity_pool_id:
            raise UnmetRequirementError("CONTRACT_IDENTITY_POOL_ID is not set")
        self.counts["identity-pool API"] += 1
        return getattr(self.identity, operation)(**arguments)

    def post(self, path: str, client: Client, *, secret: str | None = None, **form: str) -> requests.Response:
        """Send a form to an endpoint of the domain. A confidential client authenticates with HTTP Basic."""
        self.counts["token endpoint (machine client)" if client == self.machine_client else "domain"] += 1
        actual = client.secret if secret is None else secret
        auth = (client.id, actual) if actual else None
        data = form if auth else {**form, "client_id": client.id}
        return requests.post(self.domain + path, data=data, auth=auth, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    def get(self, path: str, **headers: str) -> requests.Response:
        """Request a page or endpoint of the domain, without a redirect."""
        self.counts["domain"] += 1
        return requests.get(self.domain + path, headers=headers, timeout=TIMEOUT_SECONDS, allow_redirects=False)

    # Temporary resources

    def create_client(self, name: str, **options: Any) -> Client:
        """Create an app client that is deleted at the end."""
        created = self.call("create_user_pool_client", ClientName=f"contract-{name}", **options)["UserPoolClient"]
        client = Client(created["ClientId"], created.get("ClientSecret", ""))
        self._cleanup.callback(self._delete, "delete_user_pool_client", ClientId=client.id)
        return client

    @cached_property
    def web_client(self) -> Client:
        """Return a confidential client of the hosted UI, without refresh token rotation."""
        return self.create_client("web", GenerateSecret=True, **_hosted_ui(["ALLOW_REFRESH_TOKEN_AUTH"]))

    @cached_property
    def rotating_client(self) -> Client:
        """Return a public client with refresh token rotation and a grace period of 10 seconds."""
        rotation = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 10}
        flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH"]
        return self.create_client("rotating", RefreshTokenRotation=rotation, ExplicitAuthFlows=flows)

    @cached_property
    def api_client(self) -> Client:
        """Return a confidential client of the user-pool API that also has the hosted UI's scopes."""
        flows = ["ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"]
        return self.create_client("api", GenerateSecret=True, **_hosted_ui(flows))

    @cached_property
    def machine_client(self) -> Client:
        """Return a client of the flow client_credentials with the scope `contract/read`."""
        scope = {"ScopeName": "read", "ScopeDescription": "Read"}
        identifier = "contract-" + secrets.token_hex(4)
        self.call("create_resource_server", Identifier=identifier, Name=identifier, Scopes=[scope])
        self._cleanup.callback(self._delete, "delete_resource_server", Identifier=identifier)
        return self.create_client(
            "machine",
            GenerateSecret=True,
            AllowedOAuthFlowsUserPoolClient=True,
            AllowedOAuthFlows=["client_credentials"],
            AllowedOAuthScopes=[f"{identifier}/read"],
        )

    @cached_property
    def email(self) -> str:
        """Return the e-mail address of the temporary user. No message is sent to it."""
        return f"contract-{secrets.token_hex(6)}@example.com"

    @cached_property
    def username(self) -> str:
        """Create the temporary user with a permanent password; return its username."""
        takes_email = "email" in self.description.get("UsernameAttributes", ())
        attributes = {"email": self.email, "email_verified": "true"}
        created = self.call(
            "admin_create_user",
            Username=self.email if takes_email else self.email.partition("@")[0],
            MessageAction="SUPPRESS",
            UserAttributes=[{"Name": name, "Value": value} for name, value in attributes.items()],
        )
        username: str = created["User"]["Username"]
        self._cleanup.callback(self._delete, "admin_delete_user", Username=username)
        self.call("admin_set_user_password", Username=username, Password=PASSWORD, Permanent=True)
        return username

    @cached_property
    def sub(self) -> str:
        """Return the `sub` of the temporary user."""
        attributes = self.call("admin_get_user", Username=self.username)["UserAttributes"]
        return next(str(attribute["Value"]) for attribute in attributes if attribute["Name"] == "sub")

    def _delete(self, operation: str, **arguments: Any) -> None:
        """Delete a temporary resource; print it if that fails, so that it can be deleted by hand."""
        try:
            self.call(operation, **arguments)
        except ClientError as error:
            print(f"left in the user pool: {operation} {arguments} failed: {error}", file=sys.stderr)

    # Sign-ins

    @cached_property
    def browser(self) -> Browser:
        """Start Chromium."""
        return self._cleanup.enter_context(Browser(self.domain))

    def sign_in_at_hosted_ui(self, **params: str) -> SignInResult:
        """Sign in at the hosted UI as the temporary user; return the parameters of the callback."""
        self.counts["domain"] += 3
        login_name = self.email if "email" in self.description.get("UsernameAttributes", ()) else self.username
        return self.browser.sign_in(self.web_client.id, login_name, PASSWORD, **params)

    def redeem_code(self, result: SignInResult, **changes: str) -> requests.Response:
        """Exchange the code of a sign-in for tokens."""
        form = {"grant_type": "authorization_code", "code": result.params["code"], "redirect_uri": CALLBACK_URL}
        form["code_verifier"] = result.code_verifier
        return self.post("/oauth2/token", self.web_client, **{**form, **changes})

    @cached_property
    def hosted_ui_tokens(self) -> Mapping[str, str]:
        """Return the tokens of one sign-in at the hosted UI, with the nonce `a-nonce`."""
        response = self.redeem_code(self.sign_in_at_hosted_ui(nonce="a-nonce"))
        assert response.status_code == 200, response.text
        tokens: Mapping[str, str] = response.json()
        return tokens

    def sign_in_by_api(self, client: Client) -> Mapping[str, str]:
        """Sign in with the password through AdminInitiateAuth; return AccessToken, IdToken and RefreshToken."""
        parameters = {"USERNAME": self.username, "PASSWORD": PASSWORD, **client.hash_secret(self.username)}
        flow = {"AuthFlow": "ADMIN_USER_PASSWORD_AUTH", "AuthParameters": parameters, "ClientId": client.id}
        result: Mapping[str, str] = self.call("admin_initiate_auth", **flow)["AuthenticationResult"]
        return result

    @cached_property
    def api_tokens(self) -> Mapping[str, str]:
        """Return the tokens of one sign-in through the API."""
        return self.sign_in_by_api(self.api_client)

    @cached_property
    def identity_tokens(self) -> Mapping[str, str]:
        """Return the tokens of a sign-in with the app client that the identity pool accepts."""
        if self.identity_client is None:
            raise UnmetRequirementError("CONTRACT_CLIENT_ID is not set")
        return self.sign_in_by_api(self.identity_client)


def _hosted_ui(explicit_auth_flows: list[str]) -> dict[str, Any]:
    return {
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthFlows": ["code"],
        "AllowedOAuthScopes": ["openid", "email", "profile", "aws.cognito.signin.user.admin"],
        "CallbackURLs": [CALLBACK_URL],
        "LogoutURLs": [CALLBACK_URL],
        "SupportedIdentityProviders": ["COGNITO"],
        "EnableTokenRevocation": True,
        "ExplicitAuthFlows": explicit_auth_flows,
    }


def read_error(call: Callable[[], Any]) -> str:
    """Call a function that must fail with an error of AWS; return the error's code and message."""
    try:
        call()
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error'].get('Message', '')}"
    raise AssertionError("the call succeeded")
