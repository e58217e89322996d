"""Steps: tokens that look good and are not, each refused for its own reason."""

import base64
import json
import time

from .. import api, hosted_ui, srp
from ..step import step
from ..world import World

LEEWAY_SECONDS = 10  # the default of COGNITO["LEEWAY_SECONDS"]: how far clocks may be apart
SHORT_LIFE_SECONDS = 3  # as the seed has it


@step("A token with a changed claim", expected="401 invalid_signature")
def tampered(world: World) -> str:
    """Bob makes himself an editor, and keeps the signature."""
    header, payload, signature = hosted_ui.tokens(world, world.people["bob"])["access_token"].split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    claims["cognito:groups"] = ["editors"]
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return api.told(api.read(world, f"{header}.{forged}.{signature}"))


@step("An ID token instead of an access token", expected="401 wrong_token_use")
def id_token(world: World) -> str:
    """It says who Alice is, and opens nothing."""
    return api.told(api.read(world, hosted_ui.tokens(world, world.people["alice"])["id_token"]))


@step("A token that the pool gave to another client", expected="401 wrong_client")
def other_client(world: World) -> str:
    """The person, the pool and the signature are right."""
    return api.told(api.read(world, srp.sign_in(world.idp, world.other_client, world.people["alice"])))


@step("A token of another pool", expected="401 wrong_issuer")
def other_pool(world: World) -> str:
    """Its person is in a group called admins, over there."""
    return api.told(api.read(world, srp.sign_in(world.idp, world.other_pool, world.stranger)))


@step("A token whose time is over (this takes a while)", expected="200 while it lasts; 401 token_expired afterwards")
def expired(world: World) -> str:
    """From a client that the site accepts: nothing is wrong with the token but its age."""
    token = srp.sign_in(world.idp, world.short_lived, world.people["bob"])
    fresh = api.told(api.read(world, token))
    time.sleep(SHORT_LIFE_SECONDS + LEEWAY_SECONDS + 1)
    return f"{fresh} while it lasts; {api.told(api.read(world, token))} afterwards"
