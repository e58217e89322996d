"""Steps: the key endpoint goes down. From the first of these on it stays so."""

from .. import api, srp
from ..step import step
from ..world import World


@step("The key endpoint is stopped", expected="reachable before; refuses connections now")
def keys_unreachable(world: World) -> str:
    """Not slow, not failing: gone."""
    before = "reachable" if world.key_relay.is_reachable() else "unreachable"
    world.key_relay.stop()
    now = "still answers" if world.key_relay.is_reachable() else "refuses connections"
    return f"{before} before; {now} now"


@step("A new token, by a key that the site knows", expected="200")
def known_keys_serve(world: World) -> str:
    """An outage signs no user out."""
    return api.told(api.read(world, srp.sign_in(world.idp, world.web, world.people["bob"])))


@step("The same at a process that started after the stop", expected="503 cognito_unavailable with Retry-After")
def late_process_cannot_tell(world: World) -> str:
    """It cannot tell a good token from a bad one, and says so: unavailable is not refused."""
    token = srp.sign_in(world.idp, world.web, world.people["bob"])
    answer = api.read(world, token, site=world.start_late_site())
    return f"{api.told(answer)} {api.retry_after(answer)}"
