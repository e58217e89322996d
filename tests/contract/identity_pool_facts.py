"""Facts about the identity pool, with ID tokens of an existing app client that the identity pool accepts."""

from datetime import UTC, datetime

from .pool import ContractPool, read_error
from .registry import fact


def _get_logins(pool: ContractPool, raw: str) -> dict[str, str]:
    return {f"cognito-idp.{pool.region}.amazonaws.com/{pool.user_pool_id}": raw}


@fact("the Logins key `cognito-idp.REGION.amazonaws.com/POOL` returns one identity", used_by="core/identity_pool.py")
def check_get_id(pool: ContractPool) -> str:
    arguments = {"IdentityPoolId": pool.identity_pool_id, "Logins": _get_logins(pool, pool.identity_tokens["IdToken"])}
    ids = {pool.call_identity("get_id", **arguments)["IdentityId"] for _ in range(2)}
    assert len(ids) == 1, "two identities"
    return "the same identity twice"


@fact("the identity pool refuses an access token", used_by="aws/credentials.py")
def check_access_token_is_refused(pool: ContractPool) -> str:
    logins = _get_logins(pool, pool.identity_tokens["AccessToken"])
    return read_error(lambda: pool.call_identity("get_id", IdentityPoolId=pool.identity_pool_id, Logins=logins))


@fact("the identity pool refuses another Logins key", used_by="conf/schema.py")
def check_other_logins_key(pool: ContractPool) -> str:
    logins = {f"cognito-idp.{pool.region}.amazonaws.com/{pool.region}_Another01": pool.identity_tokens["IdToken"]}
    return read_error(lambda: pool.call_identity("get_id", IdentityPoolId=pool.identity_pool_id, Logins=logins))


@fact("credentials of an identity expire after an hour", used_by="aws/credentials.py")
def check_credentials(pool: ContractPool) -> str:
    logins = _get_logins(pool, pool.identity_tokens["IdToken"])
    identity = pool.call_identity("get_id", IdentityPoolId=pool.identity_pool_id, Logins=logins)["IdentityId"]
    response = pool.call_identity("get_credentials_for_identity", IdentityId=identity, Logins=logins)
    seconds = (response["Credentials"]["Expiration"] - datetime.now(UTC)).total_seconds()
    assert 3_000 < seconds <= 3_700, seconds
    return f"{seconds:.0f} s"
