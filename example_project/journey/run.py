"""Sets the world up, takes the steps, and prints a line for each."""

from typing import Any

import boto3
from rich.console import Console
from rich.markup import escape

from demo.backup import back_up_database, refresh_from_backup
from demo.census import count_users
from demo.ports import free_port
from demo.seed import SeededPool
from demo.stack import IDENTITY_POOL, PROGRAM_CLIENT, WEB_CLIENT, Stack

from .key_relay import KeyRelay
from .step import Outcome
from .steps import ALL
from .world import Client, World

SHORT_LIVED_CLIENT = BRIEF_IDENTITY_POOL = "Fieldnotes, for seconds"


def make_the_journey(stack: Stack) -> bool:
    """Start everything, take every step, print what was expected and seen; whether all of it held."""
    console = Console(soft_wrap=True, highlight=False)
    console.print("Starting a Cognito and Fieldnotes ...", style="dim")
    stack.start_cognito()
    with KeyRelay(f"{stack.issuer}/.well-known/jwks.json") as relay:
        environment = stack.environment(jwks_uri=relay.url, more_clients=(SHORT_LIVED_CLIENT,))
        stack.start_site(environment)
        world = world_of(stack, relay, environment)
        outcomes = [_said(console, number, step.take(world)) for number, step in enumerate(ALL, start=1)]
    held = sum(outcome.held for outcome in outcomes)
    all_held = held == len(outcomes)
    console.print(f"\n{held} of {len(outcomes)} steps held.", style="bold green" if all_held else "bold red")
    return all_held


def world_of(stack: Stack, relay: KeyRelay, environment: dict[str, str]) -> World:
    """The world that the steps find."""

    def start_late_site() -> str:
        port = free_port(0)
        stack.serve("late site", port, environment)
        return f"http://localhost:{port}"

    elsewhere = stack.pools[1]

    def start_brief_site() -> str:
        port = free_port(0)
        pool_id, database = stack.account.identity_pools[BRIEF_IDENTITY_POOL], stack.state_dir / "brief.sqlite3"
        changed = {**environment, "COGNITO_IDENTITY_POOL_ID": pool_id, "FIELDNOTES_DATABASE": str(database)}
        stack.prepare(changed)
        stack.serve("brief site", port, changed)
        return f"http://localhost:{port}"

    return World(
        site=stack.site,
        cognito=stack.cognito,
        web=_client(stack.pool, WEB_CLIENT),
        short_lived=_client(stack.pool, SHORT_LIVED_CLIENT),
        other_client=_client(stack.pool, "Some other app"),
        other_pool=_client(elsewhere, "Elsewhere"),
        people=stack.pool.people,
        stranger=elsewhere.people["erin"],
        idp=_user_pool_api(stack),
        key_relay=relay,
        start_late_site=start_late_site,
        back_up_database=lambda: back_up_database(stack),
        refresh_from_backup=lambda username: refresh_from_backup(stack, username, environment),
        program=_client(stack.pool, PROGRAM_CLIENT),
        program_secret=stack.pool.secrets[PROGRAM_CLIENT],
        bucket=stack.account.bucket,
        identity_pool_id=stack.account.identity_pools[IDENTITY_POOL],
        brief_identity_pool_id=stack.account.identity_pools[BRIEF_IDENTITY_POOL],
        s3_admin=_s3_of_the_administrator(stack),
        start_brief_site=start_brief_site,
        count_users=lambda: count_users(stack),
    )


def _client(pool: SeededPool, name: str) -> Client:
    return Client(pool.id, pool.clients[name])


def _user_pool_api(stack: Stack) -> Any:
    """boto3's client of the local Cognito. It has its own access keys, so that it never uses real ones."""
    keys = {"aws_access_key_id": "demo", "aws_secret_access_key": "demo"}
    region = stack.pool.id.partition("_")[0]
    return boto3.client("cognito-idp", endpoint_url=stack.cognito, region_name=region, **keys)


def _s3_of_the_administrator(stack: Stack) -> Any:
    account, region = stack.account, stack.pool.id.partition("_")[0]
    keys = {"aws_access_key_id": account.admin_key_id, "aws_secret_access_key": account.admin_secret}
    return boto3.client("s3", endpoint_url=stack.cognito, region_name=region, **keys)


def _said(console: Console, number: int, outcome: Outcome) -> Outcome:
    mark = "[green]ok  [/]" if outcome.held else "[bold red]FAIL[/]"
    told = f"[dim]expected:[/] {escape(outcome.expected)} [dim]| seen:[/] {escape(outcome.seen)}"
    console.print(f"{mark} [dim]{number:>2}[/] [bold]{escape(outcome.title)}[/] [dim]|[/] {told}")
    return outcome
