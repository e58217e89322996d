"""A pool's users and groups, page by page, by a boto3 `cognito-idp` client. Must not import boto3.

Source: the service model of cognito-idp. Lists are eventually consistent and unordered; AdminGetUser is consistent.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from .errors import CognitoError, CognitoUnavailableError
from .forks import close_after_fork

_MAX_PAGE_SIZE = 60  # the service's own limit
# Transient errors. The service's model has status 400 for all errors, so the status does not distinguish them.
_THROTTLED = frozenset({"TooManyRequestsException", "ThrottlingException", "LimitExceededException"})
_TRANSIENT = _THROTTLED | {"InternalErrorException"}


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user of the pool. `attributes` are strings and read-only; the repr does not show them.

    `created_at` and `modified_at` are aware datetimes; `status` is Cognito's, for example CONFIRMED.
    """

    sub: str
    username: str
    attributes: Mapping[str, str] = field(repr=False, hash=False)
    enabled: bool
    status: str
    created_at: datetime
    modified_at: datetime


@dataclass(frozen=True, slots=True)
class DirectoryGroup:
    """A group of the pool. A lower `precedence` comes first, None last; `role_arn` is empty if there is none."""

    name: str
    description: str
    precedence: int | None
    role_arn: str


class UserPage(NamedTuple):
    """A page of users, and the token of the next page; empty after the last page. A page may have no users."""

    users: list[DirectoryUser]
    next_token: str


class Directory:
    """Reads the users and groups of one pool by a boto3 client.

    Pages are non-empty lists of at most 60 items. Every method raises CognitoUnavailableError if AWS cannot be reached,
    fails or throttles, and CognitoError (`directory_refused`, with AWS's code in the message) if AWS refuses.
    """

    def __init__(self, client: Any, user_pool_id: str) -> None:
        self._client = client
        self._pool = {"UserPoolId": user_pool_id}

    def close_after_fork(self) -> None:
        """Close the idle connections in a forked child, which must drop this object after it."""
        close_after_fork(self._client)

    def user_page(self, token: str = "") -> UserPage:
        """Return one page of all users, without their groups: the first one, or that of a `next_token`.

        Tokens expire: `is_expired_token` of the error is True then, and the listing must begin again. One request.
        """
        page = self._call("list_users", Limit=_MAX_PAGE_SIZE, **({"PaginationToken": token} if token else {}))
        return UserPage([_to_user(row, "Attributes") for row in page["Users"]], page.get("PaginationToken") or "")

    def group_page(self, group: str, token: str = "") -> UserPage:
        """Return one page of the users of one group, as `user_page`."""
        page = self._call(
            "list_users_in_group", GroupName=group, Limit=_MAX_PAGE_SIZE, **({"NextToken": token} if token else {})
        )
        return UserPage([_to_user(row, "Attributes") for row in page["Users"]], page.get("NextToken") or "")

    def estimate_users(self) -> int:
        """Return Cognito's estimate of the number of users. One request of DescribeUserPool."""
        return int(self._call("describe_user_pool")["UserPool"].get("EstimatedNumberOfUsers", 0))

    def users(self, *, page_size: int = _MAX_PAGE_SIZE, filter: str = "") -> Iterator[list[DirectoryUser]]:
        """Return all users, or those that match a `filter` expression of ListUsers, without their groups."""
        parameters = {"Filter": filter} if filter else {}
        # Only this operation's token is not called NextToken.
        pages = self._pages("list_users", "PaginationToken", Limit=page_size, **parameters)
        return ([_to_user(row, "Attributes") for row in page["Users"]] for page in pages if page["Users"])

    def users_in_group(self, group: str) -> Iterator[list[DirectoryUser]]:
        """Return the users of one group."""
        pages = self._pages("list_users_in_group", GroupName=group)
        return ([_to_user(row, "Attributes") for row in page["Users"]] for page in pages if page["Users"])

    def groups(self) -> Iterator[list[DirectoryGroup]]:
        """Return all groups of the pool."""
        pages = self._pages("list_groups")
        return ([_to_group(row) for row in page["Groups"]] for page in pages if page["Groups"])

    def groups_of(self, username: str) -> Iterator[list[DirectoryGroup]]:
        """Return the groups of one user."""
        pages = self._pages("admin_list_groups_for_user", Username=username)
        return ([_to_group(row) for row in page["Groups"]] for page in pages if page["Groups"])

    def user(self, username: str) -> DirectoryUser | None:
        """Return the user with this username, or None."""
        try:
            row = self._call("admin_get_user", Username=username)
        except CognitoError as error:
            if _aws_code(error.__cause__) == "UserNotFoundException":
                return None
            raise
        return _to_user(row, "UserAttributes")

    def _pages(self, operation: str, token_name: str = "NextToken", **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Return all pages, until one has no token: a short or empty page may not be the last."""
        parameters.setdefault("Limit", _MAX_PAGE_SIZE)
        token: dict[str, str] = {}
        while True:
            page = self._call(operation, **parameters, **token)
            yield page
            if not page.get(token_name):
                return
            token = {token_name: page[token_name]}

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        # A caller with a boto3 client has botocore; the rest of core does not need it.
        from botocore import exceptions as aws

        call: Callable[..., Mapping[str, Any]] = getattr(self._client, operation)
        try:
            return call(**self._pool, **parameters)
        except aws.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise _aws_error(_aws_code(error), status) from error
        except (aws.ConnectionError, aws.HTTPClientError) as error:
            raise _unavailable(type(error).__name__) from error
        except aws.BotoCoreError as error:
            raise _aws_error(type(error).__name__) from error


def read_timestamp(value: Any) -> datetime:
    """Return a timestamp of AWS in UTC, for a client's session of botocore.

    botocore's own function looks up the local time zone, which takes half of the time of a page.
    """
    if isinstance(value, int | float):
        return datetime.fromtimestamp(value, UTC)
    from botocore.utils import parse_timestamp

    moment: datetime = parse_timestamp(value)
    return moment


def is_throttled(error: CognitoError) -> bool:
    """Return whether AWS rejected the request of `error` because there were too many."""
    return _aws_code(error.__cause__) in _THROTTLED


def is_expired_token(error: CognitoError) -> bool:
    """Return whether AWS rejected a parameter: of a request for a next page, its token has expired."""
    return _aws_code(error.__cause__) == "InvalidParameterException"


def is_not_found(error: CognitoError) -> bool:
    """Return whether AWS does not have what a request named, such as a group."""
    return _aws_code(error.__cause__) == "ResourceNotFoundException"


def _to_user(row: Mapping[str, Any], attributes_name: str) -> DirectoryUser:
    attributes = {item["Name"]: item.get("Value", "") for item in row[attributes_name]}
    return DirectoryUser(
        sub=attributes["sub"],
        username=row["Username"],
        attributes=MappingProxyType(attributes),
        enabled=row["Enabled"],
        status=row["UserStatus"],
        created_at=row["UserCreateDate"],
        modified_at=row["UserLastModifiedDate"],
    )


def _to_group(row: Mapping[str, Any]) -> DirectoryGroup:
    return DirectoryGroup(
        name=row["GroupName"],
        description=row.get("Description", ""),
        precedence=row.get("Precedence"),
        role_arn=row.get("RoleArn", ""),
    )


def _aws_error(code: str, status: int = 400) -> CognitoError:
    """Return the error for AWS's code; a transient one is CognitoUnavailableError."""
    if code in _TRANSIENT or status >= 500:
        return _unavailable(code, is_outage=code not in _THROTTLED)
    return CognitoError(f"AWS refused: {code}", code="directory_refused")


def _unavailable(reason: str, *, is_outage: bool = True) -> CognitoUnavailableError:
    return CognitoUnavailableError(f"the user pool could not be reached: {reason}", is_outage=is_outage)


def _aws_code(error: BaseException | None) -> str:
    """Return AWS's exception name of a botocore ClientError; an empty string for other errors."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""
