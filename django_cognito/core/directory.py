"""A pool's users and groups, page by page. A boto3 `cognito-idp` client is handed in; boto3 is never imported here.

Source: the service model of cognito-idp. Lists are eventually consistent and in no promised order; one user asked for
by name is exact.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from .errors import CognitoError, CognitoUnavailableError
from .forks import leave_behind

_MAX_PAGE_SIZE = 60  # the service's own limit
# Refusals that will not last. The service's model gives all its errors the class of 400, so the status does not tell.
_PASSING = frozenset({"TooManyRequestsException", "ThrottlingException", "InternalErrorException"})


@dataclass(frozen=True, slots=True)
class DirectoryUser:
    """A user as the pool knows it. `attributes` are strings, always, and read-only; they stay out of the repr.

    `created_at` and `modified_at` are aware datetimes; `status` is Cognito's word, e.g. CONFIRMED.
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
    """A group of the pool. A lower `precedence` goes first, None last; `role_arn` is empty where there is none."""

    name: str
    description: str
    precedence: int | None
    role_arn: str


class Directory:
    """Reads the users and groups of one pool through the boto3 client that it is given.

    Pages are non-empty lists of at most 60. Every method raises CognitoUnavailableError where AWS cannot be reached,
    fails or throttles, and CognitoError (`directory_refused`), with AWS's own code in the message, where it refuses.
    """

    def __init__(self, client: Any, user_pool_id: str) -> None:
        self._client = client
        self._pool = {"UserPoolId": user_pool_id}

    def leave_behind(self) -> None:
        """Close the idle connections in a forked child, which must drop this object after it."""
        leave_behind(self._client)

    def users(self, *, page_size: int = _MAX_PAGE_SIZE, filter: str = "") -> Iterator[list[DirectoryUser]]:
        """All users, or those that Cognito's own `filter` expression matches. Groups are not part of it."""
        wanted = {"Filter": filter} if filter else {}
        # The one list whose token is not called NextToken.
        pages = self._pages("list_users", "PaginationToken", Limit=page_size, **wanted)
        return ([_user(row, "Attributes") for row in page["Users"]] for page in pages if page["Users"])

    def users_in_group(self, group: str) -> Iterator[list[DirectoryUser]]:
        """The users of one group."""
        pages = self._pages("list_users_in_group", GroupName=group)
        return ([_user(row, "Attributes") for row in page["Users"]] for page in pages if page["Users"])

    def groups(self) -> Iterator[list[DirectoryGroup]]:
        """All groups of the pool."""
        pages = self._pages("list_groups")
        return ([_group(row) for row in page["Groups"]] for page in pages if page["Groups"])

    def groups_of(self, username: str) -> Iterator[list[DirectoryGroup]]:
        """The groups of one user."""
        pages = self._pages("admin_list_groups_for_user", Username=username)
        return ([_group(row) for row in page["Groups"]] for page in pages if page["Groups"])

    def user(self, username: str) -> DirectoryUser | None:
        """The user of that name as of this moment, or None where there is none."""
        try:
            row = self._call("admin_get_user", Username=username)
        except CognitoError as error:
            if _aws_code(error.__cause__) == "UserNotFoundException":
                return None
            raise
        return _user(row, "UserAttributes")

    def _pages(self, operation: str, token_name: str = "NextToken", **parameters: Any) -> Iterator[Mapping[str, Any]]:
        """Every page until no token comes back: a page may be short, or empty, and still not be the last."""
        parameters.setdefault("Limit", _MAX_PAGE_SIZE)
        token: dict[str, str] = {}
        while True:
            page = self._call(operation, **parameters, **token)
            yield page
            if not page.get(token_name):
                return
            token = {token_name: page[token_name]}

    def _call(self, operation: str, **parameters: Any) -> Mapping[str, Any]:
        # Whoever hands a boto3 client in has botocore; core itself does without.
        from botocore import exceptions as aws

        call: Callable[..., Mapping[str, Any]] = getattr(self._client, operation)
        try:
            return call(**self._pool, **parameters)
        except aws.ClientError as error:
            status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 400)
            raise _refusal(_aws_code(error), status) from error
        except (aws.ConnectionError, aws.HTTPClientError) as error:
            raise _unreachable(type(error).__name__) from error
        except aws.BotoCoreError as error:
            raise _refusal(type(error).__name__) from error


def _user(row: Mapping[str, Any], attributes_name: str) -> DirectoryUser:
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


def _group(row: Mapping[str, Any]) -> DirectoryGroup:
    return DirectoryGroup(
        name=row["GroupName"],
        description=row.get("Description", ""),
        precedence=row.get("Precedence"),
        role_arn=row.get("RoleArn", ""),
    )


def _refusal(code: str, status: int = 400) -> CognitoError:
    """Our error for AWS's word; what passes by itself is no refusal."""
    if code in _PASSING or status >= 500:
        return _unreachable(code)
    return CognitoError(f"AWS refused: {code}", code="directory_refused")


def _unreachable(why: str) -> CognitoUnavailableError:
    return CognitoUnavailableError(f"the user pool could not be asked: {why}")


def _aws_code(error: BaseException | None) -> str:
    """The exception name that AWS gave, from a botocore ClientError; else an empty string."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, Mapping) else ""
