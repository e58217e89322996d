"""The command `local-cognito`: its options, and the text that it prints. `__main__` imports it when it runs."""

import argparse
import json
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from .accounts.keys import default_state_dir
from .emulator import LOOPBACK, Emulator
from .seeds.reading import DEFAULT_SEED
from .seeds.values import SeedError
from .urls import is_loopback_address

DEFAULT_PORT = 9229
EXIT_USAGE = 2
_USERS_MOST = 100  # of a pool, in the output


def run_command(arguments: Sequence[str] | None = None) -> int:
    """Run a local Cognito with the command line options until Ctrl-C and return the exit code of the process."""
    options = _build_parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s  %(message)s", datefmt="%H:%M:%S")
    try:
        emulator = Emulator(
            seed=options.seed,
            port=options.port,
            host=options.host,
            allow_remote=options.allow_remote,
            public_url=options.public_url,
            issuer=options.issuer,
            state_dir=options.state_dir,
            console=_write,
        )
    except SeedError as error:
        return _fail(str(error))
    except OSError as error:
        problem = f"port {options.port} on {options.host} cannot be used: {error.strerror}"
        return _fail(f"{problem}. Select another one with --port (0: a free one), or another address with --host")
    except ValueError as error:
        return _fail(str(error))
    if not is_loopback_address(options.host):
        sys.stderr.write(
            f"WARNING: it listens on {options.host}. Every computer that reaches port {emulator.port} can read"
            f" passwords and codes and administer the user pools. In a container, publish the port as"
            f" 127.0.0.1:{emulator.port}:{emulator.port}.\n"
        )
    _write(_describe(emulator, options.seed or DEFAULT_SEED))
    # One line of JSON for programs that wait until the local Cognito is ready.
    pools = [{"id": pool.id, "issuer": emulator.issuer(pool.id)} for pool in emulator.seed.pools]
    _write(json.dumps({"ready": True, "url": emulator.url, "port": emulator.port, "pools": pools}))
    # A supervisor's SIGTERM stops it as Ctrl-C does: the socket is closed.
    previous_handler = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        emulator.serve_forever()
    finally:
        signal.signal(signal.SIGTERM, previous_handler)
    _write("stopped")
    return 0


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="local-cognito", description="A local Amazon Cognito.")
    parser.add_argument("--seed", type=Path, help="YAML or JSON file with pools, clients, groups and users")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="port (default %(default)s; 0: any)")
    parser.add_argument(
        "--host", default=LOOPBACK, help="address to listen on (default %(default)s; 0.0.0.0 in a container)"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="allow a --host that other computers or containers reach"
    )
    parser.add_argument(
        "--public-url",
        default="",
        help="URL for browsers and programs, in issuers too, if not that of --host and --port",
    )
    parser.add_argument(
        "--issuer", choices=("localhost", "aws"), default="localhost", help="issuer of the tokens (default %(default)s)"
    )
    parser.add_argument(
        "--state-dir", type=Path, default=default_state_dir(), help="folder for the signing keys (default %(default)s)"
    )
    return parser


def _describe(emulator: Emulator, seed: Path) -> str:
    """Return the URLs and the contents of the local Cognito. The administrator's secret key is only valid there."""
    lines = [
        f"Local Cognito on {emulator.url}  (for development; data is lost when it stops)",
        f"  overview     {emulator.url}/    pools, app clients, users with passwords and TOTP codes",
        f"  AWS API      {emulator.endpoint_url}    e.g. boto3.client('cognito-idp', endpoint_url=...)",
        f"  hosted UI    {emulator.domain}/login    opened by a site's sign-in link",
        f"  mailbox      {emulator.url}/mailbox    every code that Cognito would send by email or SMS",
        f"  seed         {seed}    contains the passwords",
    ]
    for pool in emulator.seed.pools:
        lines += [f"  pool         {pool.id}  {pool.name}", f"    issuer     {emulator.issuer(pool.id)}"]
        lines += [f"    client     {client.id}  {client.name}" for client in pool.clients]
        for user in pool.users[:_USERS_MOST]:
            code = emulator.totp_code(pool.id, user.sub)
            totp = f"  TOTP code {code} now, then at {emulator.url}/" if code else ""
            lines.append(f"    user       {user.username}  {', '.join(user.groups) or '-'}{totp}")
        if len(pool.users) > _USERS_MOST:
            lines.append(f"               and {len(pool.users) - _USERS_MOST} more users")
    account, key = emulator.seed.account, emulator.admin_credentials
    lines += [f"  identities   {pool.id}  {pool.name}, for {pool.user_pool}" for pool in account.identity_pools]
    lines += [
        f"  S3, DynamoDB, STS, IAM on {emulator.endpoint_url}, with authorization; user pools accept any key",
        f"    admin      AWS_ACCESS_KEY_ID={key.id}",
        f"               AWS_SECRET_ACCESS_KEY={key.secret}",
    ]
    lines += [f"    bucket     {bucket}" for bucket in account.buckets]
    lines += [f"    table      {table.name}" for table in account.tables]
    return "\n".join([*lines, ""])


def _write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _fail(complaint: str) -> int:
    sys.stderr.write(f"{complaint}\n")
    return EXIT_USAGE
