"""Steps: a foreign client library signs in by SRP."""

from botocore.exceptions import ClientError

from .. import api, srp
from ..step import step
from ..world import World


@step("pycognito signs bob in by SRP, and the API takes his token", expected="a token; 200")
def right_password(world: World) -> str:
    """Neither side ever sends the password."""
    token = srp.sign_in(world.idp, world.web, world.people["bob"])
    return f"a token; {api.told(api.read(world, token))}"


@step("pycognito with a wrong password", expected="NotAuthorizedException, and no token")
def wrong_password(world: World) -> str:
    """The proof does not hold."""
    try:
        srp.sign_in(world.idp, world.web, world.people["bob"], password="not-his-password-1A")
    except ClientError as error:
        return f"{error.response['Error']['Code']}, and no token"
    return "a token"
