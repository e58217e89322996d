"""Steps: the AWS credentials of a user, with boto3 and at the API."""

import time

from .. import api, hosted_ui
from ..aws_user import AwsUser, fetch_aws_user, try_operation
from ..context import Context
from ..step import step

CREDENTIALS_SECONDS = 3  # `credentials_seconds` of the second identity pool in the seed


@step(
    "With Alice's AWS credentials, boto3 may not access Bob's files",
    expected="her files: list allowed, write allowed, read allowed, delete allowed; "
    "his files: list AccessDenied, write AccessDenied, read AccessDenied, delete AccessDenied",
)
def files_of_other_user(context: Context) -> str:
    """Check the IAM policies without the site. Bob's file exists."""
    alice, bob = (fetch_aws_user(context, _fetch_tokens(context, name)["id_token"]) for name in ("alice", "bob"))
    context.s3_admin.put_object(Bucket=context.bucket, Key=f"{bob.identity_id}/boots.txt", Body=b"left outside")
    her_results, his_results = (_try_operations(context, alice, owner.identity_id) for owner in (alice, bob))
    return f"her files: {her_results}; his files: {his_results}"


def _try_operations(context: Context, user: AwsUser, identity_id: str) -> str:
    bucket, file = {"Bucket": context.bucket}, {"Bucket": context.bucket, "Key": f"{identity_id}/boots.txt"}
    results = {
        "list": try_operation(user.s3.list_objects_v2, **bucket, Prefix=f"{identity_id}/"),
        "write": try_operation(user.s3.put_object, **file, Body=b"filled with water"),
        "read": try_operation(user.s3.get_object, **file),
        "delete": try_operation(user.s3.delete_object, **file),
    }
    return ", ".join(f"{operation} {result}" for operation, result in results.items())


@step(
    "The API lists files for an access token with its ID token",
    expected="200 with her ID token; 403 id_token_required without one; 401 at_hash_mismatch with Bob's",
)
def api_with_id_token(context: Context) -> str:
    """Send Alice's access token with her ID token, without an ID token and with Bob's ID token."""
    alice, bob = (_fetch_tokens(context, name) for name in ("alice", "bob"))
    token = alice["access_token"]
    with_own = api.summarize(api.list_files(context, token, id_token=alice["id_token"]))
    without = api.summarize(api.list_files(context, token))
    with_bobs = api.summarize(api.list_files(context, token, id_token=bob["id_token"]))
    return f"{with_own} with her ID token; {without} without one; {with_bobs} with Bob's"


@step(
    "The site replaces AWS credentials that have expired",
    expected="boto3: allowed, then ExpiredToken, with new credentials allowed; the site, same sign-in: 200, then 200",
)
def expired_credentials(context: Context) -> str:
    """Use a site whose identity pool issues credentials for a few seconds. No user signs in again."""
    tokens, site = _fetch_tokens(context, "alice"), context.start_short_lived_site()
    first = fetch_aws_user(context, tokens["id_token"], identity_pool_id=context.short_lived_identity_pool_id)
    before = _list_with_boto3(context, first), _list_at_site(context, tokens, site)
    time.sleep(CREDENTIALS_SECONDS + 1)
    after = _list_with_boto3(context, first), _list_at_site(context, tokens, site)
    second = fetch_aws_user(context, tokens["id_token"], identity_pool_id=context.short_lived_identity_pool_id)
    credentials = "new credentials" if second.access_key_id != first.access_key_id else "the old credentials"
    boto3_results = f"{before[0]}, then {after[0]}, with {credentials} {_list_with_boto3(context, second)}"
    return f"boto3: {boto3_results}; the site, same sign-in: {before[1]}, then {after[1]}"


def _list_with_boto3(context: Context, user: AwsUser) -> str:
    return try_operation(user.s3.list_objects_v2, Bucket=context.bucket, Prefix=f"{user.identity_id}/")


def _list_at_site(context: Context, tokens: dict[str, str], site: str) -> str:
    return api.summarize(api.list_files(context, tokens["access_token"], id_token=tokens["id_token"], site=site))


def _fetch_tokens(context: Context, name: str) -> dict[str, str]:
    return hosted_ui.fetch_tokens(context, context.users[name])
