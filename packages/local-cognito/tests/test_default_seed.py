"""The package's default seed: users, identity pool, bucket, table and machine-to-machine client."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from local_cognito import Emulator
from local_cognito_support.aws_errors import raises_client_error
from local_cognito_support.identity_site import IdentitySession, Site

CLIENT = "1local2web3client4example5"
IDENTITY_POOL = "eu-west-1:10ca1000-0000-4000-8000-000000000001"
LOGINS_KEY = "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_LocalPool"
BUCKET, TABLE = "local-files", "local-items"


@pytest.fixture(scope="module")
def default_emulator() -> Iterator[Emulator]:
    with Emulator() as running:
        yield running


def user_session(default_emulator: Emulator, username: str, password: str) -> IdentitySession:
    site = Site(default_emulator)
    answer = site.idp.initiate_auth(
        AuthFlow="USER_PASSWORD_AUTH",
        ClientId=CLIENT,
        AuthParameters={"USERNAME": username, "PASSWORD": password},
    )
    logins = {LOGINS_KEY: answer["AuthenticationResult"]["IdToken"]}
    identity_id = site.identity.get_id(IdentityPoolId=IDENTITY_POOL, Logins=logins)["IdentityId"]
    return site.session(identity_id, Logins=logins)


def test_alice_has_access_to_her_own_prefix_only(default_emulator: Emulator) -> None:
    alice = user_session(default_emulator, "alice", "Alice-local-1")
    alice.s3.put_object(Bucket=BUCKET, Key=f"{alice.identity_id}/a", Body=b"x")
    listed = alice.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{alice.identity_id}/")
    assert [content["Key"] for content in listed["Contents"]] == [f"{alice.identity_id}/a"]
    with raises_client_error("AccessDenied"):
        alice.s3.list_objects_v2(Bucket=BUCKET)


def test_bob_the_viewer_has_read_access_only(default_emulator: Emulator) -> None:
    bob = user_session(default_emulator, "bob", "Bob-local-1")
    assert bob.s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{bob.identity_id}/")["KeyCount"] == 0
    with raises_client_error("AccessDenied"):
        bob.s3.put_object(Bucket=BUCKET, Key=f"{bob.identity_id}/a", Body=b"x")


def test_alice_writes_and_reads_items(default_emulator: Emulator) -> None:
    alice = user_session(default_emulator, "alice", "Alice-local-1")
    item: dict[str, Any] = {"owner": {"S": alice.identity_id}, "id": {"S": "1"}}
    alice.client("dynamodb").put_item(TableName=TABLE, Item=item)
    assert alice.client("dynamodb").get_item(TableName=TABLE, Key=item)["Item"] == item


def test_machine_client_gets_a_token(default_emulator: Emulator) -> None:
    client = ("2local3machine4client5six", "local0machine1secret2for3nothing4else")
    form = {"grant_type": "client_credentials"}
    answer = requests.post(f"{default_emulator.url}/oauth2/token", data=form, auth=client, timeout=30)
    assert answer.json()["token_type"] == "Bearer"


def test_boto3_reaches_every_service_by_one_endpoint_url(
    default_emulator: Emulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", default_emulator.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", default_emulator.admin_credentials.id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", default_emulator.admin_credentials.secret)
    session = boto3.Session(region_name="eu-west-1")
    assert session.client("sts").get_caller_identity()["Arn"].endswith("user/administrator")
    assert [bucket["Name"] for bucket in session.client("s3").list_buckets()["Buckets"]] == [BUCKET]
    assert session.client("dynamodb").list_tables()["TableNames"] == [TABLE]
    assert session.client("cognito-idp").list_groups(UserPoolId="eu-west-1_LocalPool")["Groups"]
