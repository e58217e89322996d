"""Check the facts against a real pool and print a report: `python -m tests.contract`. See README.md beside this file.

The exit status is 0 if all facts hold or no pool is configured, and 1 if a fact does not hold.
"""

import sys
from collections import Counter
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Literal, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError
from playwright.sync_api import Error as BrowserError
from requests import RequestException

from . import hosted_ui_facts, identity_pool_facts, token_facts, user_pool_facts
from .pool import ContractPool
from .registry import FACTS, Fact, UnmetRequirementError

MODULES = (hosted_ui_facts, token_facts, user_pool_facts, identity_pool_facts)  # their import registers the facts
SKIPPED = "skipped: set CONTRACT_USER_POOL_ID and CONTRACT_DOMAIN (tests/contract/README.md) to run it"

# https://aws.amazon.com/cognito/pricing/, September 2026, without the free tier. API requests are free.
_USER_MONTH_USD = {"LITE": 0.0055, "ESSENTIALS": 0.015, "PLUS": 0.02}  # one monthly active user, by the pool's plan
_MACHINE_TOKEN_USD = 0.00225  # one token for client_credentials

_Verdict = Literal["holds", "does not hold", "error", "skipped"]


class Result(NamedTuple):
    """The result of a check; `seen` is one line without tokens."""

    fact: Fact
    verdict: _Verdict
    seen: str


def main() -> int:
    """Check all facts; print the report. Return the exit status."""
    pool = ContractPool.from_environment()
    if pool is None:
        print(SKIPPED)
        return 0
    with pool:
        results = [check_fact(fact, pool) for fact in FACTS]
        print(render_report(pool, results))
    return int(any(result.verdict in ("does not hold", "error") for result in results))


def check_fact(fact: Fact, pool: ContractPool) -> Result:
    """Run one check. A check that fails for another reason than its assertion is an error."""
    try:
        return Result(fact, "holds", fact.check(pool))
    except UnmetRequirementError as reason:
        return Result(fact, "skipped", str(reason))
    except AssertionError as difference:
        return Result(fact, "does not hold", str(difference))
    except (BotoCoreError, ClientError, BrowserError, RequestException, LookupError, ValueError) as error:
        return Result(fact, "error", f"{type(error).__name__}: {error}")


def render_report(pool: ContractPool, results: list[Result]) -> str:
    """Return the report as Markdown."""
    counts = Counter(result.verdict for result in results)
    requests = ", ".join(f"{count} {name}" for name, count in sorted(pool.counts.items()))
    plan = pool.description.get("UserPoolTier", "unknown")
    cost = _USER_MONTH_USD.get(plan, 0.02) + _MACHINE_TOKEN_USD
    issuer_type = pool.description.get("IssuerConfiguration", {}).get("Type", "unknown")
    rows = (
        f"| {number} | {result.fact.text} | {result.verdict} | {_shorten(result.seen)} | `{result.fact.used_by}` |"
        for number, result in enumerate(results, 1)
    )
    return "\n".join(
        (
            f"# Contract with Amazon Cognito, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "",
            f"User pool {pool.user_pool_id}, plan {plan}, issuer type {issuer_type}; botocore {version('botocore')}.",
            f"{len(results)} facts: " + ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())),
            f"Cost: at most USD {cost:.3f}, for 1 monthly active user and 1 machine token. Requests: {requests}.",
            "",
            "| | fact | verdict | seen | used by |",
            "|---|---|---|---|---|",
            *rows,
        )
    )


def _shorten(text: str) -> str:
    line = " ".join(text.split()).replace("|", "\\|")
    return line if len(line) <= 200 else line[:199] + "…"


if __name__ == "__main__":
    sys.exit(main())
