"""An identity pool: exchanges an ID token for an identity id and temporary AWS credentials. Must not import boto3.

The requests are unsigned JSON, so neither AWS credentials nor a model of the API are needed. AWS verifies the token.
Source: Amazon Cognito Federated Identities API reference, "GetId", "GetCredentialsForIdentity" (enhanced flow).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NoReturn

from .errors import CognitoUnavailableError, CredentialsError
from .http.client import Http
from .user_pool import InsecureUrlError, aws_host, is_secure_url

# Stricter than the service's own pattern, because the region becomes part of a host name.
_IDENTITY_POOL_ID = re.compile(r"(?P<region>[a-z]{2,5}(?:-[a-z]+)+-\d+):[0-9a-f-]{1,40}", re.ASCII)
_IDENTITY_ID = re.compile(r"(?=.{1,55}\Z)[\w-]+:[0-9a-f-]+", re.ASCII)
_TARGET = "AWSCognitoIdentityService."
# JSON 1.1 may put a namespace before an error's name and an address after it.
_AWS_CODE = re.compile(r"(?:[\w.]+#)?(?P<name>[A-Za-z]{1,64})(?::.*)?", re.ASCII)
# Transient errors, or errors that do not concern this call.
_TRANSIENT = frozenset(
    {"TooManyRequestsException", "ThrottlingException", "InternalErrorException", "ExternalServiceException"}
)
_NEXT_STEPS = {
    "NotAuthorizedException": "is the user pool, with this app client, an identity provider of the identity pool, "
    "is LOGINS_KEY its name there, is the ID token still good, and may the role be assumed?",
    "InvalidIdentityPoolConfigurationException": "give the identity pool a role for authenticated users, and that "
    "role a trust policy with this identity pool as its audience",
    "ResourceNotFoundException": "is IDENTITY_POOL_ID right, and of the right account and region?",
    "InvalidParameterException": "is LOGINS_KEY the user pool's provider name?",
    "ResourceConflictException": "the login belongs to another identity already",
    "LimitExceededException": "a quota of the identity pool is used up",
}


def is_identity_pool_id(value: str) -> bool:
    """Return whether `value` has the form `region:guid`."""
    return _IDENTITY_POOL_ID.fullmatch(value) is not None


@dataclass(frozen=True, slots=True)
class AwsCredentials:
    """Temporary credentials of one user; the repr shows nothing secret. `expires_at` is an aware datetime in UTC."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    session_token: str = field(repr=False)
    expires_at: datetime

    def __reduce__(self) -> NoReturn:
        raise TypeError("AWS credentials are not pickled")


class IdentityPool:
    """One identity pool, for the users of one user pool. Each method makes one request.

    `logins_key` is the user pool's name among the identity pool's providers:
    `cognito-idp.{region}.amazonaws.com/{user pool id}`, whatever the pool's issuer.
    Raises ValueError for a malformed id, InsecureUrlError for a URL that `http` would not request.
    """

    def __init__(
        self, identity_pool_id: str, *, logins_key: str, endpoint_url: str = "", http: Http | None = None
    ) -> None:
        match = _IDENTITY_POOL_ID.fullmatch(identity_pool_id)
        if match is None:
            raise ValueError(f"{identity_pool_id!r} is not an identity pool id; one looks like 'eu-west-1:1f2e...'")
        self.identity_pool_id = identity_pool_id
        self.region = match["region"]
        self.logins_key = logins_key
        self.endpoint_url = endpoint_url.rstrip("/") or f"https://{aws_host('cognito-identity', self.region)}"
        self._http = http or Http()
        if not is_secure_url(self.endpoint_url, self._http.insecure_hosts):
            raise InsecureUrlError(repr(self.endpoint_url))

    def __repr__(self) -> str:
        return f"<IdentityPool {self.identity_pool_id}>"

    def identity_id(self, id_token: str) -> str:
        """Return the identity id of the user, `region:guid`; a user always has the same one.

        Raises CredentialsError with AWS's code, CognitoUnavailableError.
        """
        logins = {self.logins_key: id_token}
        return _identity_id(self._call("GetId", IdentityPoolId=self.identity_pool_id, Logins=logins))

    def credentials(self, identity_id: str, id_token: str, *, role_arn: str = "") -> tuple[str, AwsCredentials]:
        """Return the identity id and its credentials, which are valid for an hour.

        AWS selects the role by the identity pool's rules; `role_arn` requests one of the token's `cognito:roles`. If
        AWS has merged two identities, the returned id differs from `identity_id` and replaces it.

        Raises CredentialsError with AWS's code, CognitoUnavailableError.
        """
        role = {"CustomRoleArn": role_arn} if role_arn else {}
        logins = {self.logins_key: id_token}
        answer = self._call("GetCredentialsForIdentity", IdentityId=identity_id, Logins=logins, **role)
        current_id = _identity_id(answer)
        members = answer.get("Credentials")
        members = members if isinstance(members, dict) else {}
        # This API has SecretKey; other APIs of AWS have SecretAccessKey.
        texts = (members.get(name) for name in ("AccessKeyId", "SecretKey", "SessionToken"))
        key, secret, token = (text if isinstance(text, str) else "" for text in texts)
        seconds: Any = members.get("Expiration")  # JSON 1.1: a number of seconds since 1970
        try:
            expires_at = datetime.fromtimestamp(seconds, UTC) if type(seconds) in (int, float) else None
        except (ValueError, OverflowError, OSError):
            expires_at = None
        if not (key and secret and token and expires_at):
            raise CognitoUnavailableError("the identity pool responded without credentials")
        return current_id, AwsCredentials(key, secret, token, expires_at)

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        """Return the JSON object of AWS's response, or raise AWS's error or CognitoUnavailableError."""
        headers = {"Content-Type": "application/x-amz-json-1.1", "X-Amz-Target": f"{_TARGET}{operation}"}
        body = json.dumps(parameters).encode()
        response = self._http.request("POST", f"{self.endpoint_url}/", headers=headers, data=body)
        try:
            answer = response.json()
        except ValueError:
            answer = {}
        answer = answer if isinstance(answer, dict) else {}
        if response.status == 200:
            return answer
        match = _AWS_CODE.fullmatch(str(answer.get("__type") or response.headers.get("x-amzn-errortype", "")))
        aws_code = match["name"] if match else ""
        # Add AWS's message, which names an expired token or a wrong provider, unless it may quote a token: every JWT
        # begins with "eyJ", which is base64 for '{"'.
        sentence = answer.get("message", answer.get("Message"))
        is_fit = isinstance(sentence, str) and 0 < len(sentence) <= 300 and sentence.isprintable()
        quoted = f" ({sentence})" if is_fit and "eyJ" not in str(sentence) else ""
        if not aws_code or aws_code in _TRANSIENT or response.status == 429 or not 400 <= response.status < 500:
            why = f"status {response.status} {aws_code}".rstrip()
            raise CognitoUnavailableError(
                f"the identity pool returned no usable response to {operation} ({why}){quoted}"
            )
        next_step = _NEXT_STEPS.get(aws_code, "see the API reference")
        raise CredentialsError(f"{operation} was refused with {aws_code}{quoted}: {next_step}", aws_code=aws_code)


def _identity_id(answer: Mapping[str, Any]) -> str:
    identity_id = answer.get("IdentityId")
    if not isinstance(identity_id, str) or not _IDENTITY_ID.fullmatch(identity_id):
        raise CognitoUnavailableError("the identity pool responded without an identity id")
    return identity_id
