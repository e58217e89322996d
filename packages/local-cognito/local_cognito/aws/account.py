"""One AWS account in moto: its roles, its administrator, and the sessions of its roles. Does not depend on HTTP."""

import itertools
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, Policy, iam_backends
from moto.s3.models import s3_backends
from moto.secretsmanager.models import secretsmanager_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from .patterns import Values
from .policies import Document

_FIRST_NUMBER = 123_456_789_012  # moto's default account number
_PARTITION = "aws"
_POLICY_NAME = "seeded"
# AWS's name for the sessions of an identity pool.
_SESSION_NAME = "CognitoIdentityCredentials"
_ADMINISTRATOR = "administrator"
_EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}

_taken: set[str] = set()
_taking = threading.Lock()


class UnknownCredentialsError(Exception):
    """The credentials do not exist. `reason` is `InvalidId` or `InvalidToken`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class AccessKey:
    """An access key. Temporary credentials have a session token and an expiry; a user's key has neither."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    ends_at: float | None = None


@dataclass(frozen=True)
class Principal:
    """The authenticated principal: its policies, and the values of their variables."""

    arn: str
    key: AccessKey
    policies: tuple[Document, ...]
    values: Values
    session_policy: Document | None = None


class Account:
    """An empty account. Its number is the lowest that no other account in this process uses.

    Not thread-safe, like moto: the caller locks.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        with _taking:
            self.number = next(str(number) for number in itertools.count(_FIRST_NUMBER) if str(number) not in _taken)
            _taken.add(self.number)
        self._is_open = True
        self._values: dict[str, Values] = {}
        self._forget()

    def close(self) -> None:
        """Delete everything and release the account number. A second call has no effect."""
        if not self._is_open:
            return
        self._is_open = False
        self._forget()
        with _taking:
            _taken.discard(self.number)

    @property
    def iam(self) -> IAMBackend:
        """moto's users, roles and policies."""
        return iam_backends[self.number][_PARTITION]

    @property
    def sts(self) -> STSBackend:
        """moto's sessions."""
        return sts_backends[self.number][_PARTITION]

    def role_arn(self, name: str) -> str:
        """Return the ARN of a role; the role need not exist."""
        return f"arn:aws:iam::{self.number}:role/{name}"

    def create_role(self, name: str, policy: Document, trust: Document) -> None:
        """Create a role with the permissions of `policy`."""
        self.iam.create_role(name, json.dumps(trust), "/", None, "", [], None)
        self.iam.put_role_policy(name, _POLICY_NAME, json.dumps(policy))

    def create_administrator(self, key: AccessKey) -> None:
        """Create a user with all permissions and this access key."""
        self.iam.create_user("us-east-1", _ADMINISTRATOR)
        self.iam.put_user_policy(_ADMINISTRATOR, _POLICY_NAME, json.dumps(_EVERYTHING))
        access_key = self.iam.create_access_key(_ADMINISTRATOR)
        del self.iam.access_keys[access_key.access_key_id]
        access_key.access_key_id, access_key.secret_access_key = key.id, key.secret
        self.iam.access_keys[key.id] = access_key

    def create_bucket(self, name: str, region: str) -> None:
        """Create a bucket."""
        s3_backends[self.number][_PARTITION].create_bucket(name, region)
        self.keep_buckets_apart()

    def create_table(self, name: str, region: str, keys: Mapping[str, str]) -> None:
        """Create a DynamoDB table.

        `keys` are its one or two key attributes with their types, the partition key first.
        """
        kinds = ("HASH", "RANGE")
        schema = [{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds, strict=False)]
        attributes = [{"AttributeName": key, "AttributeType": kind} for key, kind in keys.items()]
        nothing: dict[str, Any] = dict.fromkeys(
            ("throughput", "global_indexes", "indexes", "streams", "sse_specification", "warm_throughput")
        )
        dynamodb_backends[self.number][region].create_table(
            name,
            schema=schema,
            attr=attributes,
            billing_mode="PAY_PER_REQUEST",
            tags=[],
            deletion_protection_enabled=False,
            **nothing,
        )

    def has_role(self, arn: str) -> bool:
        """Return whether a role with this ARN exists."""
        try:
            self.iam.get_role_by_arn(arn)
        except NotFoundException:
            return False
        return True

    def begin_session(self, role_arn: str, *, region: str, seconds: float, values: Values) -> AccessKey:
        """Return temporary credentials of the role; `values` are the variables of its policies."""
        session = self.sts.assume_role(region, _SESSION_NAME, role_arn, "", 0, "")
        # By the clock of the emulator, with fractions of a second.
        session.expiration = datetime.fromtimestamp(self._now(), UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
        self._values[session.access_key_id] = values
        return _session_key(session)

    def principal(self, access_key_id: str, token: str | None) -> Principal:
        """Return the principal of these credentials with its current policies. Raises UnknownCredentialsError."""
        headers = {"X-Amz-Security-Token": token} if token else {}
        try:
            access_key = create_access_key(self.number, _PARTITION, access_key_id, headers)
        except CreateAccessKeyFailure as failure:
            raise UnknownCredentialsError(failure.reason) from failure
        policies: list[Document] = []
        for policy in access_key.collect_policies():  # moto returns them in three forms
            if isinstance(policy, Policy):
                text = next(version.document for version in policy.versions if version.is_default)
            else:
                text = policy if isinstance(policy, str) else policy["policy_document"]
            policies.append(json.loads(text))
        session = self.sts.get_assumed_role_from_access_key(access_key_id)
        if session is None:
            key = AccessKey(access_key_id, str(access_key.create_credentials().secret_key))
            return Principal(access_key.arn, key, tuple(policies), {"aws:username": access_key.arn.rpartition("/")[2]})
        limits = json.loads(session.policy) if session.policy else None
        values = self._values.get(access_key_id, {})
        return Principal(access_key.arn, _session_key(session), tuple(policies), values, limits)

    def keep_buckets_apart(self) -> None:
        """Remove this account's buckets from moto's list of all buckets, in which a name is unique per process."""
        for name in s3_backends[self.number][_PARTITION].buckets:
            s3_backends.bucket_accounts.pop(name, None)

    def _forget(self) -> None:
        for backends in (iam_backends, sts_backends, s3_backends, dynamodb_backends, secretsmanager_backends):
            if self.number in backends:
                backends[self.number].reset()
        self._values.clear()


def _session_key(session: AssumedRole) -> AccessKey:
    ends_at = session.expiration.replace(tzinfo=UTC).timestamp()
    return AccessKey(session.access_key_id, session.secret_access_key, session.session_token, ends_at)
