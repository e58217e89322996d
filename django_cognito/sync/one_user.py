"""Bring one user of the pool into Django."""

from typing import Any

from ..conf.loading import get_pool_registry
from ..conf.schema import COGNITO_GROUPS
from ..core.clock import utc_now
from ..core.errors import TokenError
from ..factories import get_directory
from ..users.account_status import record_account
from ..users.attributes.claim_sources import claims_from_directory
from ..users.writing.link_writes import links_for_write
from ..users.writing.provisioning import get_or_create_link


def bring_in(username: str, alias: str | None = None) -> Any:
    """Return the Django user of a user of the pool `alias`, created or updated; by default of the first pool.

    Their attributes, groups and status are read by AdminGetUser and AdminListGroupsForUser: at least two requests.
    Needs the extra `aws`.

    Raises TokenError (code "user_unknown") if the pool has no such user, or if CREATE_USERS is off;
    CognitoError (code "directory_refused") or CognitoUnavailableError.
    """
    settings = get_pool_registry().for_alias(alias)
    directory, moment = get_directory(settings), utc_now()
    account = directory.user(username)
    if account is None:
        raise TokenError("the user pool has no user with this username", code="user_unknown")
    is_own_claim = settings.groups_claim == COGNITO_GROUPS
    pages = directory.groups_of(account.username) if is_own_claim else ()
    groups = [group.name for page in pages for group in page]
    rows = links_for_write().select_related("user").filter(user_pool_id=settings.user_pool_id, sub=account.sub)
    link = rows.first()
    if link is not None:
        record_account(link, account)  # first: claims of a user whom MIRROR_ENABLED deactivated are not written
    get_or_create_link(claims_from_directory(account, groups, moment, settings), settings)
    if link is None:
        record_account(rows.get(), account)
    return rows.get().user
