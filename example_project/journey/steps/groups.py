"""Steps: the permissions of a user follow the groups in the user pool."""

import time

from .. import api, hosted_ui
from ..context import Context
from ..step import step

# Times in tokens are whole seconds. The new token must be issued in a later second to count as the more recent one.
NEXT_SECOND = 1.1


@step(
    "Alice is removed from the group editors in the user pool",
    expected="before: 201; with her next token: 403 permission_required; with the old token: 403 permission_required",
)
def removed_member(context: Context) -> str:
    """Check that the old token, which contains the group and is still valid, no longer gives the permission."""
    old_token = hosted_ui.fetch_tokens(context, context.users["alice"])["access_token"]
    before = api.summarize(api.create_note(context, old_token))
    context.idp.admin_remove_user_from_group(
        UserPoolId=context.web_client.pool_id, Username="alice", GroupName="editors"
    )
    time.sleep(NEXT_SECOND)
    new_token = hosted_ui.fetch_tokens(context, context.users["alice"])["access_token"]
    with_new, with_old = (api.summarize(api.create_note(context, token)) for token in (new_token, old_token))
    return f"before: {before}; with her next token: {with_new}; with the old token: {with_old}"
