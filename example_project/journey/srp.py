"""Sign-in by SRP with pycognito, an independent implementation of the protocol."""

from typing import Any

from pycognito.aws_srp import AWSSRP

from demo.seed import SeedUser

from .context import Client


def sign_in(idp: Any, client: Client, user: SeedUser, *, password: str = "") -> str:
    """Sign in at the app client and return the access token. Raise botocore's ClientError if Cognito refuses."""
    srp = AWSSRP(user.username, password or user.password, client.pool_id, client.id, client=idp)
    return str(srp.authenticate_user()["AuthenticationResult"]["AccessToken"])
