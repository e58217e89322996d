"""ListUsers, ListUsersInGroup and AdminListGroupsForUser. The caller holds the lock.

A page costs time for its own users only, whatever the size of the pool. Source: AWS API reference.
"""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any

from moto.cognitoidp.models import CognitoIdpGroup, CognitoIdpUser

from ..aws_json import Answer, Parameters
from ..errors import ServiceError, require_parameter
from ..user_pool_service import UserPoolService
from .page_tokens import PagePosition, PageTokens, invalid_token
from .user_filter import read_filter

_PAGE_MOST_ITEMS = 60
_ReadPage = Callable[[int, int], tuple[Sequence[Any], int]]


class UserListing:
    """The lists of users of one local Cognito. Raises ServiceError with the names of AWS."""

    def __init__(self, service: UserPoolService) -> None:
        self._service = service
        self._tokens = PageTokens(service.now)
        self.by_name: dict[str, Callable[[Parameters], Answer]] = {
            "ListUsers": self.list_users,
            "ListUsersInGroup": self.list_users_in_group,
            "AdminListGroupsForUser": self.admin_list_groups_for_user,
        }

    def list_users(self, parameters: Parameters) -> Answer:
        """Run ListUsers."""
        users = self._service.pools.table(str(parameters.get("UserPoolId")))
        condition = read_filter(str(parameters.get("Filter") or ""))
        names = parameters.get("AttributesToGet")

        def read_page(after: int, limit: int) -> tuple[Sequence[CognitoIdpUser], int]:
            return users.read_page(after, limit, condition.matches, condition.candidates(users))

        rows, token = self._read(parameters, "ListUsers", "PaginationToken", read_page)
        return {"Users": [describe_user(user, names) for user in rows], **token}

    def list_users_in_group(self, parameters: Parameters) -> Answer:
        """Run ListUsersInGroup."""
        pool_id, name = str(parameters.get("UserPoolId")), require_parameter(parameters, "GroupName")
        users, group = self._service.pools.table(pool_id), self._service.pools.get(pool_id).groups.get(name)
        if group is None:
            raise ServiceError("ResourceNotFoundException", "Group not found.")

        def read_page(after: int, limit: int) -> tuple[Sequence[CognitoIdpUser], int]:
            return users.read_page(after, limit, group.users.__contains__)

        rows, token = self._read(parameters, "ListUsersInGroup", "NextToken", read_page)
        return {"Users": [describe_user(user) for user in rows], **token}

    def admin_list_groups_for_user(self, parameters: Parameters) -> Answer:
        """Run AdminListGroupsForUser."""
        user = self._service.pools.table(str(parameters.get("UserPoolId"))).find(
            require_parameter(parameters, "Username"), accepts_sub=True
        )
        if user is None:
            raise ServiceError("UserNotFoundException", "User does not exist.")
        groups = sorted(user.groups, key=lambda group: group.group_name)

        def read_page(after: int, limit: int) -> tuple[Sequence[CognitoIdpGroup], int]:
            end = after + limit
            return groups[after:end], end if end < len(groups) else 0

        rows, token = self._read(parameters, "AdminListGroupsForUser", "NextToken", read_page)
        return {"Groups": [_describe_group(group) for group in rows], **token}

    def _read(
        self, parameters: Parameters, operation: str, token_name: str, read_page: _ReadPage
    ) -> tuple[Sequence[Any], Answer]:
        """Return the items of the requested page, and the token of the next one as a part of the answer."""
        faults, token = self._service.faults, parameters.get(token_name)
        listing = json.dumps(
            [operation, *(parameters.get(name) for name in ("UserPoolId", "Filter", "GroupName", "Username"))]
        )
        limit = _read_limit(parameters)
        position = self._tokens.read(listing, token if token is None else str(token))
        if token is not None and faults.take(operation, "expired_tokens"):
            raise invalid_token()
        if faults.take(operation, "empty_pages"):
            return [], {token_name: self._tokens.create(listing, position)}
        if token is not None and faults.take(operation, "repeated_pages"):
            # The token that follows is that of the request: no item is lost.
            rows, _ = read_page(position.previous, limit)
            return rows, {token_name: self._tokens.create(listing, position)}
        rows, after = read_page(position.after, limit)
        following = PagePosition(after, position.after)
        return rows, {token_name: self._tokens.create(listing, following)} if after else {}


def describe_user(user: CognitoIdpUser, names: Sequence[str] | None = None) -> Answer:
    """Return UserType with all attributes, or with those of `names`.

    Raises ServiceError if the user has not set one of them, as AWS does.
    """
    attributes = user.attributes
    if names:
        if any(name not in user.attribute_lookup for name in names):
            raise ServiceError("InvalidParameterException", "One or more requested attributes do not exist.")
        attributes = [item for item in attributes if item["Name"] in names]
    return {
        "Username": user.username,
        "Attributes": attributes,
        "UserCreateDate": _seconds(user.create_date),
        "UserLastModifiedDate": _seconds(user.last_modified_date),
        "Enabled": user.enabled,
        "UserStatus": str(getattr(user.status, "value", user.status)),
    }


def _describe_group(group: CognitoIdpGroup) -> Answer:
    """Return GroupType without the members that have no value."""
    row = {**group.to_json(), "LastModifiedDate": _seconds(group.last_modified_date)}
    row["CreationDate"] = _seconds(group.creation_date)
    return {name: value for name, value in row.items() if value is not None}


def _seconds(moment: datetime) -> float:
    """Return the Unix time in seconds, with milliseconds. moto's dates are in UTC, without a time zone."""
    return moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000).timestamp()


def _read_limit(parameters: Parameters) -> int:
    """Return the number of items of a page. 0 means the default. Raises ServiceError."""
    limit = parameters.get("Limit")
    if limit is not None and (isinstance(limit, bool) or not isinstance(limit, int)):
        raise ServiceError("SerializationException", "Limit must be an integer")
    if limit is not None and not 0 <= limit <= _PAGE_MOST_ITEMS:
        bound = "less than or equal to 60" if limit > 0 else "greater than or equal to 0"
        raise ServiceError(
            "InvalidParameterException",
            f"1 validation error detected: Value '{limit}' at 'limit' failed to satisfy constraint: "
            f"Member must have value {bound}",
        )
    return limit or _PAGE_MOST_ITEMS
