"""The tokens of the local Cognito's AWS API, verified by this package over HTTP."""

from collections.abc import Iterator

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from local_cognito import Emulator
from local_cognito_support.user_pools import PASSWORD, POOL_ID, SEED

from django_cognito.core.tokens.verifier import TokenVerifier
from django_cognito.core.user_pool import UserPool


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED) as emulator:
        yield emulator


@pytest.fixture(scope="module")
def tokens(emulator: Emulator) -> dict[str, str]:
    """The tokens of alice, who signs in with a password."""
    config = Config(signature_version=UNSIGNED, retries={"max_attempts": 0})
    idp = boto3.client("cognito-idp", endpoint_url=emulator.endpoint_url, region_name="eu-west-1", config=config)
    parameters = {"USERNAME": "alice", "PASSWORD": PASSWORD}
    answer = idp.initiate_auth(AuthFlow="USER_PASSWORD_AUTH", ClientId="1public", AuthParameters=parameters)
    result: dict[str, str] = answer["AuthenticationResult"]
    return result


def test_verifier_accepts_tokens_of_the_local_cognito(emulator: Emulator, tokens: dict[str, str]) -> None:
    pool = UserPool(POOL_ID, client_ids=("1public",), issuer=emulator.issuer(POOL_ID))
    verifier = TokenVerifier(pool)
    assert verifier.verify(tokens["AccessToken"]).username == "alice"
    assert verifier.verify(tokens["IdToken"], token_use="id").groups == ("admins", "editors", "viewers")
