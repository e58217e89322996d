"""Users' AWS clients against the local Cognito, whose STS and IAM check every request."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import boto3
import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError
from local_cognito import Emulator

from django_cognito.aws.client_cache import UserAws
from django_cognito.aws.credentials import UserCredentials
from django_cognito.core.errors import CognitoUnavailableError, CredentialsError
from django_cognito.core.http.client import Http
from django_cognito.core.identity_pool import IdentityPool
from tests.support.clock import OffsetClock
from tests.support.sizes import choose_size

USER_POOL, CLIENT, BUCKET = "eu-west-1_Users", "1web", "files"
LOGINS_KEY = f"cognito-idp.eu-west-1.amazonaws.com/{USER_POOL}"
IDENTITY_POOL = "eu-west-1:11111111-0000-4000-8000-000000000001"
SHORT_POOL = "eu-west-1:11111111-0000-4000-8000-000000000002"
BARE_POOL = "eu-west-1:11111111-0000-4000-8000-000000000003"
SHORT_SECONDS = 400  # on a busy computer, some pass by themselves
NAMES = [f"user{number}" for number in range(20)]
THREADS = choose_size(2, 20)  # of each user
OWN_FILES = f"arn:aws:s3:::{BUCKET}/${{cognito-identity.amazonaws.com:sub}}/*"
SEED = {
    "pools": [
        {
            "id": USER_POOL,
            "groups": [{"name": "readers", "role": "reader"}],
            "clients": [{"id": CLIENT, "auth_flows": ["ALLOW_USER_PASSWORD_AUTH"]}],
            "users": [
                {"username": "rita", "password": "x", "groups": ["readers"]},
                *({"username": name, "password": "x"} for name in NAMES),
            ],
        }
    ],
    "roles": [
        {"name": "member", "policy": {"Statement": {"Effect": "Allow", "Action": "s3:*Object", "Resource": OWN_FILES}}},
        {
            "name": "reader",
            "policy": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OWN_FILES}},
        },
    ],
    "buckets": [BUCKET],
    "identity_pools": [
        {"id": IDENTITY_POOL, "user_pool": USER_POOL, "roles": {"authenticated": "member"}},
        {
            "id": SHORT_POOL,
            "user_pool": USER_POOL,
            "roles": {"authenticated": "member"},
            "credentials_seconds": SHORT_SECONDS,
        },
        {"id": BARE_POOL, "user_pool": USER_POOL},
    ],
}


CLOCK = OffsetClock()


@pytest.fixture
def clock() -> Iterator[OffsetClock]:
    yield CLOCK
    CLOCK.ahead = 0.0


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED, now=CLOCK) as running:
        yield running


@pytest.fixture(scope="module")
def id_tokens(emulator: Emulator) -> dict[str, str]:
    """Return the ID token of each user, from a sign-in with a password."""
    config = Config(signature_version=UNSIGNED)
    idp = boto3.client("cognito-idp", endpoint_url=emulator.url, region_name="eu-west-1", config=config)

    def sign_in(name: str) -> str:
        response = idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", ClientId=CLIENT, AuthParameters={"USERNAME": name, "PASSWORD": "x"}
        )
        return str(response["AuthenticationResult"]["IdToken"])

    return {name: sign_in(name) for name in ("rita", *NAMES)}


class UserClients:
    """Creates AWS clients of the users, at one of the emulator's identity pools."""

    def __init__(self, emulator: Emulator, id_tokens: dict[str, str]) -> None:
        self.emulator = emulator
        self._id_tokens = id_tokens

    def user_aws(self, name: str, identity_pool: str = IDENTITY_POOL, **options: Any) -> UserAws:
        """Return a new `UserAws` of the user."""
        patient = Http(timeout_seconds=120)  # twenty users at once; the emulator handles one request at a time
        url = self.emulator.endpoint_url
        pool = IdentityPool(identity_pool, logins_key=LOGINS_KEY, endpoint_url=url, http=patient)
        return UserAws(UserCredentials(pool, self._id_tokens[name], now=CLOCK, **options), pool.region)

    def client(self, user: UserAws, service: str = "s3") -> Any:
        """Return the user's cached boto3 client."""
        return user.client(service, endpoint_url=self.emulator.endpoint_url)


@pytest.fixture
def users(emulator: Emulator, id_tokens: dict[str, str]) -> UserClients:
    return UserClients(emulator, id_tokens)


def error_code_of(call: Any, **parameters: Any) -> str:
    """Return the error code of the rejected call."""
    with pytest.raises(ClientError) as raised:
        call(**parameters)
    return str(raised.value.response["Error"]["Code"])


def test_identity_of_a_user_stays_the_same(users: UserClients) -> None:
    first, second = (users.user_aws("user0").credentials.identity_id for _ in range(2))
    assert first == second != users.user_aws("user1").credentials.identity_id


def test_stored_identity_id_is_used(users: UserClients) -> None:
    identity_id = users.user_aws("user0").credentials.identity_id
    same_user = users.user_aws("user0", identity_id=identity_id)
    assert same_user.credentials.get_current().access_key_id
    assert same_user.credentials.identity_id == identity_id


@pytest.mark.parametrize("wrong", ["eu-west-1:99999999-0000-4000-8000-000000000001", "user1"])
def test_wrong_stored_identity_id_is_corrected(users: UserClients, wrong: str) -> None:
    wrong = users.user_aws(wrong).credentials.identity_id if wrong in NAMES else wrong
    user = users.user_aws("user0", identity_id=wrong)
    assert user.credentials.get_current().access_key_id
    assert user.credentials.identity_id == users.user_aws("user0").credentials.identity_id


@pytest.mark.parametrize(("name", "role"), [("user0", "member"), ("rita", "reader")])
def test_credentials_sign_for_the_users_role(users: UserClients, name: str, role: str) -> None:
    sts = users.client(users.user_aws(name), "sts")
    assert f":assumed-role/{role}/" in sts.get_caller_identity()["Arn"]


def test_own_files_are_stored_and_read(users: UserClients) -> None:
    user = users.user_aws("user0")
    s3, key = users.client(user), f"{user.credentials.identity_id}/note.txt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"mine"


def test_files_of_another_user_are_denied_by_iam(users: UserClients) -> None:
    one, other = users.user_aws("user0"), users.user_aws("user1")
    key = f"{other.credentials.identity_id}/note.txt"
    users.client(other).put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    s3 = users.client(one)
    assert error_code_of(s3.get_object, Bucket=BUCKET, Key=key) == "AccessDenied"
    assert error_code_of(s3.put_object, Bucket=BUCKET, Key=key, Body=b"mine") == "AccessDenied"


def test_reader_role_cannot_write(users: UserClients) -> None:
    rita = users.user_aws("rita")
    key = f"{rita.credentials.identity_id}/note.txt"
    assert error_code_of(users.client(rita).put_object, Bucket=BUCKET, Key=key, Body=b"x") == "AccessDenied"


def test_cached_client_works_after_its_first_credentials_expired(users: UserClients, clock: OffsetClock) -> None:
    user = users.user_aws("user0", SHORT_POOL)
    s3, key = users.client(user), f"{user.credentials.identity_id}/note.txt"
    first = user.credentials.get_current()
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"before")
    clock.ahead += SHORT_SECONDS + 1
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"before"
    assert user.credentials.get_current().access_key_id != first.access_key_id


def test_short_lived_credentials_are_refreshed_before_expiry(users: UserClients, clock: OffsetClock) -> None:
    credentials = users.user_aws("user0", SHORT_POOL).credentials
    first = credentials.get_current()
    clock.ahead += SHORT_SECONDS * 0.7
    assert credentials.get_current() is first
    clock.ahead += SHORT_SECONDS * 0.1
    assert credentials.get_current().access_key_id != first.access_key_id


def test_expired_id_token_gets_no_new_credentials(users: UserClients, clock: OffsetClock) -> None:
    user = users.user_aws("user0", SHORT_POOL)
    client = users.client(user, "sts")
    clock.ahead += 3_700
    with pytest.raises(CredentialsError, match=r"NotAuthorizedException \(Invalid login token") as raised:
        client.get_caller_identity()
    assert raised.value.aws_code == "NotAuthorizedException"


def test_identity_pool_without_roles_raises_with_a_hint(users: UserClients) -> None:
    with pytest.raises(CredentialsError, match="give the identity pool a role"):
        users.user_aws("user0", BARE_POOL).credentials.get_current()


def test_stopped_cognito_raises_unavailable_error(id_tokens: dict[str, str]) -> None:
    with Emulator(seed=SEED) as stopped:
        users = UserClients(stopped, id_tokens)
    with pytest.raises(CognitoUnavailableError):
        users.user_aws("user0").client("s3")


def test_twenty_users_with_several_threads_each_are_separate(users: UserClients) -> None:
    user_by_name = {name: users.user_aws(name) for name in NAMES}
    barrier = Barrier(THREADS * len(NAMES))

    def store_and_read(name: str) -> tuple[str, str, bytes]:
        barrier.wait(120)
        user = user_by_name[name]
        s3, own = users.client(user), user.credentials.identity_id
        key = f"{own}/note.txt"
        s3.put_object(Bucket=BUCKET, Key=key, Body=name.encode())
        return name, own, s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    with ThreadPoolExecutor(THREADS * len(NAMES)) as threads:
        futures = [threads.submit(store_and_read, name) for name in NAMES * THREADS]
        results = [future.result(120) for future in futures]
    assert {body for name, _, body in results if body != name.encode()} == set()
    assert len({identity_id for _, identity_id, _ in results}) == len({(name, own) for name, own, _ in results}) == 20
