"""People's AWS against the local Cognito, whose STS and IAM judge every request."""

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

USER_POOL, CLIENT, BUCKET = "eu-west-1_People", "1web", "files"
LOGINS_KEY = f"cognito-idp.eu-west-1.amazonaws.com/{USER_POOL}"
IDENTITY_POOL = "eu-west-1:11111111-0000-4000-8000-000000000001"
SHORT_POOL = "eu-west-1:11111111-0000-4000-8000-000000000002"
BARE_POOL = "eu-west-1:11111111-0000-4000-8000-000000000003"
SHORT_SECONDS = 40
NAMES = [f"person{number}" for number in range(20)]
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
        {"name": "person", "policy": {"Statement": {"Effect": "Allow", "Action": "s3:*Object", "Resource": OWN_FILES}}},
        {
            "name": "reader",
            "policy": {"Statement": {"Effect": "Allow", "Action": "s3:GetObject", "Resource": OWN_FILES}},
        },
    ],
    "buckets": [BUCKET],
    "identity_pools": [
        {"id": IDENTITY_POOL, "user_pool": USER_POOL, "roles": {"authenticated": "person"}},
        {
            "id": SHORT_POOL,
            "user_pool": USER_POOL,
            "roles": {"authenticated": "person"},
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
    """Everybody's ID token, from signing in with a password."""
    config = Config(signature_version=UNSIGNED)
    idp = boto3.client("cognito-idp", endpoint_url=emulator.url, region_name="eu-west-1", config=config)

    def sign_in(name: str) -> str:
        answer = idp.initiate_auth(
            AuthFlow="USER_PASSWORD_AUTH", ClientId=CLIENT, AuthParameters={"USERNAME": name, "PASSWORD": "x"}
        )
        return str(answer["AuthenticationResult"]["IdToken"])

    return {name: sign_in(name) for name in ("rita", *NAMES)}


class People:
    """Whoever has an ID token, at one of the emulator's identity pools."""

    def __init__(self, emulator: Emulator, id_tokens: dict[str, str]) -> None:
        self.emulator = emulator
        self._id_tokens = id_tokens

    def person(self, name: str, identity_pool: str = IDENTITY_POOL, **options: Any) -> UserAws:
        """The person's AWS, made anew."""
        patient = Http(timeout_seconds=30)  # twenty at once on two cores, and an AWS that answers one at a time
        url = self.emulator.endpoint_url
        pool = IdentityPool(identity_pool, logins_key=LOGINS_KEY, endpoint_url=url, http=patient)
        return UserAws(UserCredentials(pool, self._id_tokens[name], now=CLOCK, **options), pool.region)

    def client(self, person: UserAws, service: str = "s3") -> Any:
        """The person's boto3 client, kept."""
        return person.client(service, endpoint_url=self.emulator.endpoint_url)


@pytest.fixture
def people(emulator: Emulator, id_tokens: dict[str, str]) -> People:
    return People(emulator, id_tokens)


def refused_with(call: Any, **parameters: Any) -> str:
    """The code with which AWS refuses the call."""
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    return str(caught.value.response["Error"]["Code"])


def test_a_person_s_identity_stays_the_same(people: People) -> None:
    first, second = (people.person("person0").credentials.identity_id for _ in range(2))
    assert first == second != people.person("person1").credentials.identity_id


def test_an_identity_known_from_before_serves(people: People) -> None:
    identity_id = people.person("person0").credentials.identity_id
    again = people.person("person0", identity_id=identity_id)
    assert again.credentials.get_current().access_key_id
    assert again.credentials.identity_id == identity_id


@pytest.mark.parametrize("wrong", ["eu-west-1:99999999-0000-4000-8000-000000000001", "person1"])
def test_a_wrong_identity_from_before_is_put_right(people: People, wrong: str) -> None:
    wrong = people.person(wrong).credentials.identity_id if wrong in NAMES else wrong
    person = people.person("person0", identity_id=wrong)
    assert person.credentials.get_current().access_key_id
    assert person.credentials.identity_id == people.person("person0").credentials.identity_id


@pytest.mark.parametrize(("name", "role"), [("person0", "person"), ("rita", "reader")])
def test_credentials_sign_for_the_person_s_role(people: People, name: str, role: str) -> None:
    sts = people.client(people.person(name), "sts")
    assert f":assumed-role/{role}/" in sts.get_caller_identity()["Arn"]


def test_one_s_own_files_are_stored_and_read_back(people: People) -> None:
    person = people.person("person0")
    s3, key = people.client(person), f"{person.credentials.identity_id}/note.txt"
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"mine")
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"mine"


def test_another_person_s_files_are_denied_by_iam(people: People) -> None:
    one, other = people.person("person0"), people.person("person1")
    key = f"{other.credentials.identity_id}/note.txt"
    people.client(other).put_object(Bucket=BUCKET, Key=key, Body=b"theirs")
    s3 = people.client(one)
    assert refused_with(s3.get_object, Bucket=BUCKET, Key=key) == "AccessDenied"
    assert refused_with(s3.put_object, Bucket=BUCKET, Key=key, Body=b"mine") == "AccessDenied"


def test_a_reader_s_role_writes_nothing(people: People) -> None:
    rita = people.person("rita")
    key = f"{rita.credentials.identity_id}/note.txt"
    assert refused_with(people.client(rita).put_object, Bucket=BUCKET, Key=key, Body=b"x") == "AccessDenied"


def test_a_kept_client_goes_on_when_its_first_credentials_have_ended(people: People, clock: OffsetClock) -> None:
    person = people.person("person0", SHORT_POOL)
    s3, key = people.client(person), f"{person.credentials.identity_id}/note.txt"
    first = person.credentials.get_current()
    s3.put_object(Bucket=BUCKET, Key=key, Body=b"before")
    clock.ahead += SHORT_SECONDS + 1
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == b"before"
    assert person.credentials.get_current().access_key_id != first.access_key_id


def test_short_lived_credentials_are_renewed_before_they_end(people: People, clock: OffsetClock) -> None:
    credentials = people.person("person0", SHORT_POOL).credentials
    first = credentials.get_current()
    clock.ahead += SHORT_SECONDS * 0.7
    assert credentials.get_current() is first
    clock.ahead += SHORT_SECONDS * 0.1
    assert credentials.get_current().access_key_id != first.access_key_id


def test_an_ended_id_token_gets_no_new_credentials(people: People, clock: OffsetClock) -> None:
    person = people.person("person0", SHORT_POOL)
    client = people.client(person, "sts")
    clock.ahead += 3_700
    with pytest.raises(CredentialsError, match=r"NotAuthorizedException \(Invalid login token") as caught:
        client.get_caller_identity()
    assert caught.value.aws_code == "NotAuthorizedException"


def test_an_identity_pool_without_roles_is_told_to_have_one(people: People) -> None:
    with pytest.raises(CredentialsError, match="give the identity pool a role"):
        people.person("person0", BARE_POOL).credentials.get_current()


def test_a_cognito_that_has_gone_cannot_be_asked(id_tokens: dict[str, str]) -> None:
    with Emulator(seed=SEED) as gone:
        people = People(gone, id_tokens)
    with pytest.raises(CognitoUnavailableError):
        people.person("person0").client("s3")


def test_twenty_people_with_twenty_threads_each_only_ever_see_themselves(people: People) -> None:
    everybody = {name: people.person(name) for name in NAMES}
    together = Barrier(20 * len(NAMES))

    def ask(name: str) -> tuple[str, str, bytes]:
        together.wait(60)
        person = everybody[name]
        s3, own = people.client(person), person.credentials.identity_id
        key = f"{own}/note.txt"
        s3.put_object(Bucket=BUCKET, Key=key, Body=name.encode())
        return name, own, s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()

    with ThreadPoolExecutor(20 * len(NAMES)) as threads:
        asked = [threads.submit(ask, name) for name in NAMES * 20]
        seen = [each.result(120) for each in asked]
    assert {body for name, _, body in seen if body != name.encode()} == set()
    assert len({identity_id for _, identity_id, _ in seen}) == len({(name, own) for name, own, _ in seen}) == 20
