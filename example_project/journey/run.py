"""Start the site, run the steps and print one line per step."""

from typing import Any

import boto3
from rich.console import Console
from rich.markup import escape

from demo.backup import back_up_database, refresh_from_backup
from demo.ports import find_free_port
from demo.seed import SeedPool
from demo.stack import IDENTITY_POOL, MACHINE_CLIENT, WEB_CLIENT, Stack
from demo.users import count_users, read_groups

from .context import Client, Context
from .jwks_proxy import JwksProxy
from .step import Outcome
from .steps import ALL

SHORT_LIVED_CLIENT = SHORT_LIVED_IDENTITY_POOL = "Fieldnotes short-lived"


def run_journey(stack: Stack) -> bool:
    """Start the processes, run all steps and print their results. Return whether all steps passed."""
    console = Console(soft_wrap=True, highlight=False)
    console.print("Starting a local Cognito and Fieldnotes ...", style="dim")
    stack.start_cognito()
    with JwksProxy(f"{stack.issuer}/.well-known/jwks.json") as jwks_proxy:
        environment = stack.build_environment(jwks_uri=jwks_proxy.url, additional_clients=(SHORT_LIVED_CLIENT,))
        stack.start_site(environment)
        context = build_context(stack, jwks_proxy, environment)
        outcomes = []
        for number, step in enumerate(ALL, start=1):
            outcomes.append(step.run(context))
            _print_outcome(console, number, outcomes[-1])
    success_count = sum(outcome.is_success for outcome in outcomes)
    all_passed = success_count == len(outcomes)
    style = "bold green" if all_passed else "bold red"
    console.print(f"\n{success_count} of {len(outcomes)} steps passed.", style=style)
    return all_passed


def build_context(stack: Stack, jwks_proxy: JwksProxy, environment: dict[str, str]) -> Context:
    """Return the context of the steps."""

    def start_second_site() -> str:
        port = find_free_port(0)
        stack.start_server("second site", port, environment)
        return f"http://localhost:{port}"

    other_pool = stack.pools[1]

    return Context(
        site=stack.site,
        cognito=stack.cognito,
        web_client=_get_client(stack.pool, WEB_CLIENT),
        short_lived_client=_get_client(stack.pool, SHORT_LIVED_CLIENT),
        other_client=_get_client(stack.pool, "Some other app"),
        other_pool_client=_get_client(other_pool, "Elsewhere"),
        users=stack.pool.users,
        other_pool_user=other_pool.users["erin"],
        idp=_build_user_pool_client(stack),
        jwks_proxy=jwks_proxy,
        start_second_site=start_second_site,
        back_up_database=lambda: back_up_database(stack),
        refresh_from_backup=lambda username: refresh_from_backup(stack, username, environment),
        machine_client=_get_client(stack.pool, MACHINE_CLIENT),
        machine_client_secret=stack.pool.secrets[MACHINE_CLIENT],
        bucket=stack.account.bucket,
        identity_pool_id=stack.account.identity_pools[IDENTITY_POOL],
        short_lived_identity_pool_id=stack.account.identity_pools[SHORT_LIVED_IDENTITY_POOL],
        s3_admin=_build_s3_admin_client(stack),
        start_short_lived_site=lambda: _start_short_lived_site(stack, environment),
        count_users=lambda: count_users(stack),
        read_groups=lambda: read_groups(stack),
    )


def _start_short_lived_site(stack: Stack, environment: dict[str, str]) -> str:
    """Start a site whose AWS credentials expire after seconds, with a database of its own; return its origin."""
    port = find_free_port(0)
    pool_id = stack.account.identity_pools[SHORT_LIVED_IDENTITY_POOL]
    database = stack.state_dir / "short-lived.sqlite3"
    variables = {**environment, "COGNITO_IDENTITY_POOL_ID": pool_id, "FIELDNOTES_DATABASE": str(database)}
    stack.prepare_database(variables)
    stack.start_server("short-lived site", port, variables)
    return f"http://localhost:{port}"


def _get_client(pool: SeedPool, name: str) -> Client:
    return Client(pool.id, pool.clients[name])


def _build_user_pool_client(stack: Stack) -> Any:
    """Return boto3's client of the local Cognito. It has its own access keys, so it never uses real ones."""
    keys = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
    region = stack.pool.id.partition("_")[0]
    return boto3.client("cognito-idp", endpoint_url=stack.cognito, region_name=region, **keys)


def _build_s3_admin_client(stack: Stack) -> Any:
    account, region = stack.account, stack.pool.id.partition("_")[0]
    keys = {"aws_access_key_id": account.admin_key_id, "aws_secret_access_key": account.admin_secret}
    return boto3.client("s3", endpoint_url=stack.cognito, region_name=region, **keys)


def _print_outcome(console: Console, number: int, outcome: Outcome) -> None:
    mark = "[green]ok  [/]" if outcome.is_success else "[bold red]FAIL[/]"
    results = f"[dim]expected:[/] {escape(outcome.expected)} [dim]| actual:[/] {escape(outcome.actual)}"
    console.print(f"{mark} [dim]{number:>2}[/] [bold]{escape(outcome.title)}[/] [dim]|[/] {results}")
