"""Signing in by SRP with pycognito: a judge of the proof that this project did not write."""

from typing import Any

from pycognito.aws_srp import AWSSRP

from demo.seed import SeededPerson

from .world import Client


def sign_in(idp: Any, client: Client, person: SeededPerson, *, password: str = "") -> str:
    """An access token of the person at that client. Raises botocore's ClientError where Cognito refuses."""
    srp = AWSSRP(person.username, password or person.password, client.pool_id, client.id, client=idp)
    return str(srp.authenticate_user()["AuthenticationResult"]["AccessToken"])
