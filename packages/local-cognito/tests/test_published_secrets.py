"""Client secrets in Secrets Manager: read with boto3, replaced on a schedule, named by an ARN instead of a value."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError
from local_cognito import Emulator
from local_cognito.accounts.pools import Pools
from local_cognito.published_secrets import PublishedSecrets
from local_cognito.seeds.reading import read_seed
from local_cognito.seeds.values import SeedError
from local_cognito_support.aws_errors import raises_client_error

POOL_ID = "eu-west-1_Publishing"
FIRST, SECOND = "first_secret_of_24_letters", "second_secret_of_24_letters"
PUBLISHED = {"id": "2published", "secret": FIRST, "publish_secret": True}
ROTATING = {"rotate_secret_seconds": 60, "former_secret_seconds": 30}


def seed_of(**client: Any) -> dict[str, Any]:
    machine = {"flows": ["client_credentials"], "scopes": ["orders/read"]}
    servers = [{"identifier": "orders", "scopes": ["read"]}]
    return {
        "pools": [
            {
                "id": POOL_ID,
                "resource_servers": servers,
                "clients": [{"id": "1plain", "secret": FIRST}, {**PUBLISHED, **machine, **client}],
            }
        ],
        "roles": [
            {
                "name": "stranger",
                "policy": {"Version": "2012-10-17", "Statement": {"Effect": "Deny", "Action": "*", "Resource": "*"}},
            }
        ],
    }


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=seed_of(**ROTATING)) as running:
        yield running


@pytest.fixture
def move_time(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Return a function that moves the clock of the schedule and of the former secrets."""
    published, former = emulator.service.published_secrets, emulator.service.pools._former_secrets
    now = [published._monotonic()]
    for part in (published, former):
        monkeypatch.setattr(part, "_monotonic", lambda: now[0])

    def move(seconds: float) -> None:
        now[0] += seconds

    return move


def connect(emulator: Emulator, service: str, **options: Any) -> Any:
    key = emulator.admin_credentials
    keys = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret, **options}
    config = Config(retries={"max_attempts": 0})
    return boto3.client(service, endpoint_url=emulator.endpoint_url, region_name="eu-west-1", config=config, **keys)


def read_secret(emulator: Emulator) -> dict[str, str]:
    arn = emulator.client_secret_arn("2published")
    answer = connect(emulator, "secretsmanager").get_secret_value(SecretId=arn)
    members: dict[str, str] = json.loads(answer["SecretString"])
    return members


def is_accepted(emulator: Emulator, secret: str) -> bool:
    form = {"grant_type": "client_credentials"}
    url = f"{emulator.url}/oauth2/token"
    return requests.post(url, form, auth=("2published", secret), timeout=30).status_code == 200


def test_published_secret_is_read_by_its_arn(emulator: Emulator) -> None:
    members = {"userPoolId": POOL_ID, "userPoolClientId": "2published", "clientSecretValue": FIRST}
    assert read_secret(emulator) == members
    assert emulator.client_secret_arn("1plain") == ""


def test_arn_of_a_seed_is_the_same_in_every_process(emulator: Emulator) -> None:
    arn = emulator.client_secret_arn("2published")
    account = arn.split(":")[4]
    assert arn == f"arn:aws:secretsmanager:eu-west-1:{account}:secret:amazon-cognito/{POOL_ID}/2published-{arn[-6:]}"
    with Emulator(seed=seed_of()) as second:
        assert second.client_secret_arn("2published")[-6:] == arn[-6:]
        assert read_secret(second)["clientSecretValue"] == FIRST


def test_description_has_the_arn_instead_of_the_secret(emulator: Emulator) -> None:
    idp = connect(emulator, "cognito-idp")
    published = idp.describe_user_pool_client(UserPoolId=POOL_ID, ClientId="2published")["UserPoolClient"]
    plain = idp.describe_user_pool_client(UserPoolId=POOL_ID, ClientId="1plain")["UserPoolClient"]
    assert (published.get("ClientSecret"), published["ClientSecretArn"]) == (
        None,
        emulator.client_secret_arn("2published"),
    )
    assert (plain["ClientSecret"], plain.get("ClientSecretArn")) == (FIRST, None)


def test_created_client_publishes_its_secret_by_request(emulator: Emulator) -> None:
    idp = connect(emulator, "cognito-idp")
    options = {"UserPoolId": POOL_ID, "ClientName": "new", "GenerateSecret": True}
    created = idp.create_user_pool_client(**options, PublishSecretsInAWSSecretsManager=True)["UserPoolClient"]
    answer = connect(emulator, "secretsmanager").get_secret_value(SecretId=created["ClientSecretArn"])
    client = emulator.service.client(created["ClientId"])
    assert client is not None
    assert json.loads(answer["SecretString"])["clientSecretValue"] == client.secret
    assert "ClientSecret" not in created
    assert "ClientSecret" in idp.create_user_pool_client(**options)["UserPoolClient"]


def test_replaced_secret_is_published_too(emulator: Emulator) -> None:
    emulator.replace_client_secret("2published", SECOND)
    emulator.replace_client_secret("1plain", SECOND)
    assert read_secret(emulator)["clientSecretValue"] == SECOND


def test_secret_rotates_on_its_schedule_with_a_grace(emulator: Emulator, move_time: Callable[[float], None]) -> None:
    move_time(59)
    assert read_secret(emulator)["clientSecretValue"] == FIRST
    move_time(1)
    second = read_secret(emulator)["clientSecretValue"]
    assert second != FIRST
    assert (is_accepted(emulator, second), is_accepted(emulator, FIRST)) == (True, True)
    move_time(30)
    assert (is_accepted(emulator, second), is_accepted(emulator, FIRST)) == (True, False)


def test_late_rotation_is_done_once(emulator: Emulator, move_time: Callable[[float], None]) -> None:
    move_time(600)
    second = read_secret(emulator)["clientSecretValue"]
    assert read_secret(emulator)["clientSecretValue"] == second
    move_time(59)
    assert read_secret(emulator)["clientSecretValue"] == second
    move_time(1)
    assert read_secret(emulator)["clientSecretValue"] != second


def test_secret_needs_credentials_with_the_permission(emulator: Emulator) -> None:
    arn = emulator.client_secret_arn("2published")
    unknown = connect(emulator, "secretsmanager", aws_access_key_id="AKIAUNKNOWNUNKNOWN12")
    with raises_client_error("UnrecognizedClientException"):
        unknown.get_secret_value(SecretId=arn)
    sts, role_arn = connect(emulator, "sts"), emulator.role_arn("stranger")
    key = sts.assume_role(RoleArn=role_arn, RoleSessionName="test")["Credentials"]
    stranger = connect(
        emulator,
        "secretsmanager",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    with raises_client_error("AccessDeniedException"):
        stranger.get_secret_value(SecretId=arn)


def test_unknown_secret_is_not_found(emulator: Emulator) -> None:
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        connect(emulator, "secretsmanager").get_secret_value(SecretId="unknown")


@pytest.mark.parametrize(
    ("client", "message"),
    [
        ({"secret": None, "flows": [], "scopes": []}, "publish_secret needs a secret"),
        ({"publish_secret": False, "rotate_secret_seconds": 5}, "rotate_secret_seconds needs publish_secret"),
        ({"former_secret_seconds": 5}, "former_secret_seconds needs rotate_secret_seconds"),
        ({"rotate_secret_seconds": 0}, "must be a number above 0"),
    ],
)
def test_seed_of_a_published_secret_is_checked(client: dict[str, Any], message: str) -> None:
    with pytest.raises(SeedError, match=message):
        read_seed(seed_of(**client))


def test_secret_is_not_published_without_an_account() -> None:
    pools = Pools()
    backend = pools.backend("eu-west-1")
    pool = backend.create_user_pool("Pool", {})
    moto_client = backend.create_user_pool_client(pool.id, True, {})
    client = pools.client(moto_client.id)
    assert client is not None
    with pytest.raises(ValueError, match="AWS account"):
        PublishedSecrets().publish(client)
