"""One AWS account of moto's: its roles, its administrator, the sessions of its roles. Knows no HTTP."""

import itertools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.iam.access_control import CreateAccessKeyFailure, create_access_key
from moto.iam.exceptions import NotFoundException
from moto.iam.models import IAMBackend, Policy, iam_backends
from moto.s3.models import s3_backends
from moto.sts.models import AssumedRole, STSBackend, sts_backends

from .patterns import Values
from .policies import Document

_FIRST_NUMBER = 123_456_789_012  # what moto and its users call the account where nothing else is said
_PARTITION = "aws"
_POLICY_NAME = "seeded"
# What AWS calls the sessions that an identity pool begins.
_SESSION_NAME = "CognitoIdentityCredentials"
_ADMINISTRATOR = "administrator"
_EVERYTHING = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}

_taken: set[str] = set()
_taking = threading.Lock()


class UnknownCredentialsError(Exception):
    """Nobody has such credentials. `reason` is `InvalidId` or `InvalidToken`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class AccessKey:
    """An access key; without a token and an end it is a user's."""

    id: str
    secret: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    ends_at: float | None = None


@dataclass(frozen=True)
class Principal:
    """Who signs: what they may, by which policies, and the values of the variables in these."""

    arn: str
    key: AccessKey
    policies: tuple[Document, ...]
    values: Values
    session_policy: Document | None = None


class Account:
    """An account with nothing in it. Its number is the lowest that no other one in this process has.

    Not thread-safe, as moto is not: the caller locks.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.number = _take_number()
        self._is_open = True
        self._values: dict[str, Values] = {}
        self._forget()

    def close(self) -> None:
        """Forget everything, and give the number back; twice does no harm to whoever has taken it since."""
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
        """The ARN of the role of that name, whether it exists or not."""
        return f"arn:aws:iam::{self.number}:role/{name}"

    def create_role(self, name: str, policy: Document, trust: Document) -> None:
        """Make a role that may do what `policy` allows."""
        self.iam.create_role(name, json.dumps(trust), "/", None, "", [], None)
        self.iam.put_role_policy(name, _POLICY_NAME, json.dumps(policy))

    def create_administrator(self, key: AccessKey) -> None:
        """Make a user who may do everything, with this key."""
        self.iam.create_user("us-east-1", _ADMINISTRATOR)
        self.iam.put_user_policy(_ADMINISTRATOR, _POLICY_NAME, json.dumps(_EVERYTHING))
        drawn = self.iam.create_access_key(_ADMINISTRATOR)
        del self.iam.access_keys[drawn.access_key_id]
        drawn.access_key_id, drawn.secret_access_key = key.id, key.secret
        self.iam.access_keys[key.id] = drawn

    def create_bucket(self, name: str, region: str) -> None:
        """Make a bucket."""
        s3_backends[self.number][_PARTITION].create_bucket(name, region)
        self.keep_buckets_apart()

    def create_table(self, name: str, region: str, keys: Mapping[str, str]) -> None:
        """Make a DynamoDB table. `keys` are its one or two key attributes with their types, the partition key first."""
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
        """Whether there is a role with that ARN."""
        try:
            self.iam.get_role_by_arn(arn)
        except NotFoundException:
            return False
        return True

    def begin_session(self, role_arn: str, *, region: str, seconds: float, values: Values) -> AccessKey:
        """Credentials of the role for a while; `values` are those of the variables in its policies."""
        session = self.sts.assume_role(region, _SESSION_NAME, role_arn, "", 0, "")
        # By our clock, to the fraction of a second.
        session.expiration = datetime.fromtimestamp(self._now(), UTC).replace(tzinfo=None) + timedelta(seconds=seconds)
        self._values[session.access_key_id] = values
        return _session_key(session)

    def principal(self, access_key_id: str, token: str | None) -> Principal:
        """Who has these credentials, with their policies as they are now. Raises UnknownCredentialsError."""
        headers = {"X-Amz-Security-Token": token} if token else {}
        try:
            found = create_access_key(self.number, _PARTITION, access_key_id, headers)
        except CreateAccessKeyFailure as failure:
            raise UnknownCredentialsError(failure.reason) from failure
        policies = tuple(_document(policy) for policy in found.collect_policies())
        session = self.sts.get_assumed_role_from_access_key(access_key_id)
        if session is None:
            key = AccessKey(access_key_id, str(found.create_credentials().secret_key))
            return Principal(found.arn, key, policies, {"aws:username": found.arn.rpartition("/")[2]})
        limits = json.loads(session.policy) if session.policy else None
        values = self._values.get(access_key_id, {})
        return Principal(found.arn, _session_key(session), policies, values, limits)

    def keep_buckets_apart(self) -> None:
        """Take this account's buckets out of moto's list of all accounts', where a name stands once in a process."""
        for name in s3_backends[self.number][_PARTITION].buckets:
            s3_backends.bucket_accounts.pop(name, None)

    def _forget(self) -> None:
        for backends in _backends():
            if self.number in backends:
                backends[self.number].reset()
        self._values.clear()


def _backends() -> Iterator[Any]:
    yield from (iam_backends, sts_backends, s3_backends, dynamodb_backends)


def _take_number() -> str:
    with _taking:
        number = next(str(number) for number in itertools.count(_FIRST_NUMBER) if str(number) not in _taken)
        _taken.add(number)
        return number


def _session_key(session: AssumedRole) -> AccessKey:
    ends_at = session.expiration.replace(tzinfo=UTC).timestamp()
    return AccessKey(session.access_key_id, session.secret_access_key, session.session_token, ends_at)


def _document(policy: Any) -> Document:
    """A policy's document, in whichever of its three forms moto hands it out."""
    if isinstance(policy, Policy):
        text = next(version.document for version in policy.versions if version.is_default)
    else:
        text = policy if isinstance(policy, str) else policy["policy_document"]
    document: Document = json.loads(text)
    return document
