"""The whole of Fieldnotes on one machine: a local Cognito, the migrated database, the site. Prints nothing."""

import os
import secrets
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import seed
from .ports import free_port
from .processes import Processes

# Names in the seed
WEB_CLIENT = "Fieldnotes web"
PROGRAM_CLIENT = "Bird counter"
IDENTITY_POOL = "Fieldnotes"
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


@dataclass
class Stack:
    """Where everything is, and how to start it."""

    state_dir: Path
    processes: Processes
    cognito_port: int
    site_port: int
    pools: tuple[seed.SeededPool, ...] = field(init=False)
    account: seed.SeededAccount = field(init=False)

    def __post_init__(self) -> None:
        self.seed_file = self.state_dir / "seed.yaml"
        text = seed.text_for(self.site)
        self.seed_file.write_text(text)
        self.pools = seed.read(text)
        self.account = seed.read_account(text)

    @property
    def cognito(self) -> str:
        """The local Cognito's origin."""
        return f"http://localhost:{self.cognito_port}"

    @property
    def site(self) -> str:
        """The site's origin. Not 127.0.0.1: to browsers and to OAuth that is another place."""
        return f"http://localhost:{self.site_port}"

    @property
    def pool(self) -> seed.SeededPool:
        """The pool whose people the site takes in."""
        return self.pools[0]

    @property
    def issuer(self) -> str:
        """What the pool's tokens name as their issuer."""
        return f"{self.cognito}/{self.pool.id}"

    @property
    def database(self) -> Path:
        """The site's SQLite file."""
        return self.state_dir / "fieldnotes.sqlite3"

    def start_cognito(self) -> None:
        """Start the local Cognito and wait until it answers."""
        command = [sys.executable, "-m", "local_cognito", "--seed", str(self.seed_file)]
        # Its keys are stored next to the demo's database: --fresh deletes both, and a check uses its own.
        environment = {**_own_environment(), "XDG_STATE_HOME": str(self.state_dir)}
        self.processes.start("cognito", [*command, "--port", str(self.cognito_port)], environment)
        self.processes.wait_for("cognito", f"{self.issuer}/.well-known/jwks.json")

    def start_site(self, environment: Mapping[str, str]) -> None:
        """Bring the database up to date, start the site and wait until it answers."""
        self.prepare(environment)
        self.serve("site", self.site_port, environment)

    def prepare(self, environment: Mapping[str, str]) -> None:
        """Bring the database up to date, and write the sample notes into a new one."""
        for command in ("migrate", "sample_notes"):
            self.processes.run(command, [sys.executable, str(MANAGE), command], environment)

    def serve(self, name: str, port: int, environment: Mapping[str, str]) -> None:
        """Start one server process of the site and wait until it answers."""
        # DEBUG is off, as it would be in public, so the pages for 403 and 404 are the site's own;
        # --insecure means that the development server hands out the stylesheet all the same.
        options = [f"127.0.0.1:{port}", "--noreload", "--insecure"]
        self.processes.start(name, [sys.executable, str(MANAGE), "runserver", *options], environment)
        self.processes.wait_for(name, f"http://localhost:{port}/")

    def environment(self, *, jwks_uri: str = "", more_clients: tuple[str, ...] = ()) -> dict[str, str]:
        """The site's settings: what one would set for a pool on AWS, and the addresses of this one.

        No AWS keys are among them: the site asks for files with those of its people.
        `jwks_uri` is for a key server other than Cognito's own, `more_clients` names clients besides the usual two.
        """
        client_ids = [self.pool.clients[name] for name in (WEB_CLIENT, PROGRAM_CLIENT, *more_clients)]
        return {
            **_own_environment(),
            "DJANGO_DEBUG": "0",
            "DJANGO_HTTPS": "0",
            "DJANGO_SECRET_KEY": self._secret_key(),
            "FIELDNOTES_DATABASE": str(self.database),
            "COGNITO_USER_POOL_ID": self.pool.id,
            "COGNITO_CLIENT_ID": self.pool.clients[WEB_CLIENT],
            "COGNITO_CLIENT_IDS": ",".join(client_ids),
            "COGNITO_DOMAIN": self.cognito,
            "COGNITO_ISSUER": self.issuer,
            "COGNITO_JWKS_URI": jwks_uri,
            "COGNITO_IDENTITY_POOL_ID": self.account.identity_pools[IDENTITY_POOL],
            "FIELDNOTES_BUCKET": self.account.bucket,
            "AWS_ENDPOINT_URL": self.cognito,
        }

    def _secret_key(self) -> str:
        """One key for as long as the database lives: the sessions and tokens in it are sealed with it."""
        file = self.state_dir / "secret_key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(50))
        return file.read_text()


def pick_ports(cognito: int, site: int) -> tuple[int, int]:
    """The ports asked for where they are free, else others."""
    cognito_port = free_port(cognito)
    return cognito_port, free_port(site, but=frozenset({cognito_port}))


def _own_environment() -> dict[str, str]:
    """Return the environment without variables of another pool: a demo sends no request to AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("COGNITO_", "DJANGO_", "AWS_"))}
    return {**kept, "PYTHONUNBUFFERED": "1"}
