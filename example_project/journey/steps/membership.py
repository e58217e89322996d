"""Steps: what a person may do follows the pool."""

import time

from .. import api, hosted_ui
from ..step import step
from ..world import World

# Tokens tell the time in whole seconds: two of one second are equally old.
NEXT_SECOND = 1.1


@step(
    "Alice is taken out of editors in the pool",
    expected="201 before; 403 permission_required with her next token; 403 permission_required with the old one then",
)
def taken_out_of_a_group(world: World) -> str:
    """The old token still says "editors", and is good for an hour."""
    old = hosted_ui.tokens(world, world.people["alice"])["access_token"]
    before = api.told(api.write(world, old))
    world.idp.admin_remove_user_from_group(UserPoolId=world.web.pool_id, Username="alice", GroupName="editors")
    time.sleep(NEXT_SECOND)
    new = hosted_ui.tokens(world, world.people["alice"])["access_token"]
    with_new, with_old = (api.told(api.write(world, token)) for token in (new, old))
    return f"{before} before; {with_new} with her next token; {with_old} with the old one then"
