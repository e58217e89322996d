"""docs/troubleshooting.md: its LOGGING block shows errors without tokens; each code that a client gets is on it."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.support import source
from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

SCRIPT = """
import io, logging
lines = io.StringIO()
logging.getLogger("django_cognito").handlers[0].setStream(lines)
description = "PreSignUp failed with error Not invited."
page = Client().get("/auth/callback/", {"error": "invalid_request", "error_description": description, "state": "x"})
token = make_token(client_id="another-client", exp=4_000_000_000)
Client().get("/", headers={"authorization": f"Bearer {token}"})
result = {"status": page.status_code, "lines": lines.getvalue().splitlines(), "token": token}
"""
LINE = re.compile(r"\d{4}-\d\d-\d\d [\d:,]+ (WARNING|INFO) (django_cognito[\w.]+): (.+)")
READ_NO_CODE = {"cognito_error"}


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    return follow("troubleshooting").run_script(SCRIPT)


@pytest.fixture(scope="module")
def records(result: Any) -> list[tuple[str, str, str]]:
    """Return level, logger and message of each line."""
    return [match.groups() for match in map(LINE.fullmatch, result["lines"]) if match]


def test_sign_in_error_is_in_the_log_of_the_page(result: Any, records: Any) -> None:
    assert result["status"] == 400
    assert ("WARNING", "django_cognito.login.views") in [record[:2] for record in records]
    assert [message for _, logger, message in records if logger.endswith(".views") and "state_unknown" in message]


def test_words_of_cognito_are_in_the_log_of_the_page(records: Any) -> None:
    (message,) = [message for _, logger, message in records if logger == "django_cognito.login.error_response"]
    assert "PreSignUp failed with error Not invited." in message


def test_rejected_token_is_in_the_log_with_both_values(records: Any) -> None:
    (warning,) = [message for _, logger, message in records if logger == "django_cognito.users.rejected_tokens"]
    assert "another-client" in warning
    assert "1local2web3client4example5" in warning
    assert ("INFO", "django_cognito.signals") in [record[:2] for record in records]


def test_log_of_the_page_has_no_token(result: Any) -> None:
    assert not any(part in line for part in result["token"].split(".") for line in result["lines"])


def test_each_code_that_a_client_gets_is_on_the_page() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", _read_section("reference", "Error codes"), re.M)
    codes = {code for code, answer in rows if answer.strip() != "-"} - READ_NO_CODE
    page = (GUIDE / "troubleshooting.md").read_text()
    assert [code for code in sorted(codes) if f"`{code}`" not in page] == []


def test_each_logger_of_the_page_exists() -> None:
    names = re.findall(r"`(django_cognito(?:\.\w+)+)`", _read_section("troubleshooting", "Logging"))
    modules = source.modules()
    assert len(names) > 10
    assert set(names) - modules.keys() == set()


def _read_section(page: str, heading: str) -> str:
    text = (GUIDE / f"{page}.md").read_text()
    section = re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text, re.M | re.S)
    assert section is not None
    return section[1]
