"""The contract with Amazon Cognito, run against the local Cognito instead of a real pool."""

import re
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from local_cognito import Emulator

from tests.contract import __main__ as contract
from tests.contract.pool import ContractPool
from tests.contract.registry import FACTS, Fact
from tests.support import source

SEED = Path(__file__).parent / "contract" / "seed.yaml"
USER_POOL_ID, IDENTITY_POOL_ID = "eu-west-1_Contract1", "eu-west-1:c0a70000-0000-4000-8000-000000000001"
# What the local Cognito does not do as AWS yet
DIFFERENCES: set[str] = set()  # of the local Cognito and AWS
TOKEN = re.compile(r"eyJ[\w-]{10,}\.[\w-]+\.")

pytestmark = pytest.mark.needs("chromium")


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED, port=0) as emulator:
        yield emulator


@pytest.fixture
def pool_variables(emulator: Emulator, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables of the contract and of boto3."""
    variables = {
        "CONTRACT_USER_POOL_ID": USER_POOL_ID,
        "CONTRACT_DOMAIN": emulator.url,
        "CONTRACT_ISSUER": f"{emulator.url}/{USER_POOL_ID}",
        "CONTRACT_IDENTITY_POOL_ID": IDENTITY_POOL_ID,
        "CONTRACT_CLIENT_ID": "1contract2identity3",
        "AWS_ENDPOINT_URL": emulator.url,
        "AWS_ACCESS_KEY_ID": "AKIACONTRACT00000001",
        "AWS_SECRET_ACCESS_KEY": "for-the-tests-alone",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)


def _list_users_and_clients() -> list[str]:
    client = boto3.client("cognito-idp", region_name="eu-west-1")
    users = client.list_users(UserPoolId=USER_POOL_ID)["Users"]
    clients = client.list_user_pool_clients(UserPoolId=USER_POOL_ID, MaxResults=60)["UserPoolClients"]
    return [user["Username"] for user in users] + [app_client["ClientName"] for app_client in clients]


@pytest.mark.usefixtures("pool_variables")
def test_all_facts_run_and_nothing_is_left_in_the_pool(capsys: pytest.CaptureFixture[str]) -> None:
    before = _list_users_and_clients()
    assert contract.main() == (1 if DIFFERENCES else 0)
    report = capsys.readouterr().out
    rows = re.findall(r"^\| \d+ \| (.*?) \| (holds|does not hold|error|skipped) \|", report, re.M)
    assert len(rows) == len(FACTS) >= 30
    assert {text for text, verdict in rows if verdict != "holds"} == DIFFERENCES
    assert not TOKEN.search(report)
    assert "Cost: at most USD 0.017, for 1 monthly active user" in report
    assert _list_users_and_clients() == before


def test_contract_without_a_pool_is_skipped(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CONTRACT_USER_POOL_ID", raising=False)
    assert contract.main() == 0
    assert capsys.readouterr().out.strip() == contract.SKIPPED


def _fail_assertion(pool: ContractPool) -> str:
    raise AssertionError("three characters")


def _read_missing_key(pool: ContractPool) -> str:
    return dict[str, str]()["absent"]


def _return_text(pool: ContractPool) -> str:
    return "a | b\nc" + "d" * 300


@pytest.mark.parametrize(
    ("check", "verdict", "seen"),
    [
        (_fail_assertion, "does not hold", "three characters"),
        (_read_missing_key, "error", "KeyError: 'absent'"),
        (_return_text, "holds", "a | b"),
    ],
)
def test_verdict_follows_from_the_check(check: object, verdict: str, seen: str) -> None:
    fact = Fact("a fact", "core", check)  # type: ignore[arg-type]
    result = contract.check_fact(fact, ContractPool(USER_POOL_ID, "https://login.example.com"))
    assert (result.verdict, result.seen.startswith(seen)) == (verdict, True)


def test_facts_of_an_identity_pool_are_skipped_without_one() -> None:
    pool = ContractPool(USER_POOL_ID, "https://login.example.com")
    facts = [fact for fact in FACTS if fact.used_by == "core/identity_pool.py"]
    assert [contract.check_fact(fact, pool).verdict for fact in facts] == ["skipped"]


def test_modules_that_rely_on_facts_exist() -> None:
    directories = (source.PROJECT_DIRECTORY, source.PACKAGE_DIRECTORY)
    places = {fact.used_by for fact in FACTS}
    assert {place for place in places if not any((directory / place).exists() for directory in directories)} == set()
