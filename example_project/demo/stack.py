"""The processes of the demo: a local Cognito and the site with its database. This module prints nothing."""

import os
import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import seed
from .ports import find_free_port
from .processes import Processes

# Names of app clients and the identity pool in the seed
WEB_CLIENT = "Fieldnotes web"
MACHINE_CLIENT = "Bird counter"
IDENTITY_POOL = "Fieldnotes"
MANAGE = Path(__file__).resolve().parent.parent / "manage.py"


@dataclass
class Stack:
    """The local Cognito and the site: their URLs, files and processes."""

    state_dir: Path
    processes: Processes
    cognito_port: int
    site_port: int
    report_progress: Callable[[str], None] = field(default=lambda line: None, repr=False)  # one line for each step
    pools: tuple[seed.SeedPool, ...] = field(init=False)
    account: seed.SeedAccount = field(init=False)

    def __post_init__(self) -> None:
        self.seed_file = self.state_dir / "seed.yaml"
        text = seed.render_seed(self.site)
        self.seed_file.write_text(text)
        self.pools = seed.read_pools(text)
        self.account = seed.read_account(text)

    @property
    def cognito(self) -> str:
        """The origin of the local Cognito."""
        return f"http://localhost:{self.cognito_port}"

    @property
    def site(self) -> str:
        """The origin of the site. Not 127.0.0.1: for browsers and for OAuth that is another origin."""
        return f"http://localhost:{self.site_port}"

    @property
    def pool(self) -> seed.SeedPool:
        """The user pool of the site."""
        return self.pools[0]

    @property
    def issuer(self) -> str:
        """The issuer of the user pool's tokens (the claim `iss`)."""
        return f"{self.cognito}/{self.pool.id}"

    @property
    def database(self) -> Path:
        """The path of the site's SQLite database."""
        return self.state_dir / "fieldnotes.sqlite3"

    def start_cognito(self) -> None:
        """Start the local Cognito and wait until it responds."""
        self.report_progress(f"Starting the local Cognito on {self.cognito} ...")
        command = [sys.executable, "-m", "local_cognito", "--seed", str(self.seed_file)]
        # Its keys are stored next to the demo's database: --fresh deletes both, and a check uses its own.
        environment = {**_clean_environment(), "XDG_STATE_HOME": str(self.state_dir)}
        self.processes.start("cognito", [*command, "--port", str(self.cognito_port)], environment)
        self.processes.wait_for("cognito", f"{self.issuer}/.well-known/jwks.json")

    def start_site(self, environment: Mapping[str, str]) -> None:
        """Migrate the database, start the site and wait until it responds."""
        self.prepare_database(environment)
        self.start_server("site", self.site_port, environment)

    def prepare_database(self, environment: Mapping[str, str]) -> None:
        """Migrate the database. If it has no notes, write the sample notes."""
        for command, line in (("migrate", "Migrating the database ..."), ("sample_notes", "Writing sample notes ...")):
            self.report_progress(line)
            self.processes.run(command, [sys.executable, str(MANAGE), command], environment)

    def start_server(self, name: str, port: int, environment: Mapping[str, str]) -> None:
        """Start one server process of the site and wait until it responds."""
        self.report_progress(f"Starting the {name} on http://localhost:{port} ...")
        # DEBUG is off, as in production, so the 403 and 404 pages are the site's own.
        # With --insecure, the development server serves static files although DEBUG is off.
        options = [f"127.0.0.1:{port}", "--noreload", "--insecure"]
        self.processes.start(name, [sys.executable, str(MANAGE), "runserver", *options], environment)
        self.processes.wait_for(name, f"http://localhost:{port}/")

    def build_environment(self, *, jwks_uri: str = "", additional_clients: tuple[str, ...] = ()) -> dict[str, str]:
        """Return the environment variables of the site: those for a user pool on AWS, and the local Cognito's URLs.

        The AWS keys are for the synchronization of users: local Cognito refuses them for files, which the site requests
        with the credentials of its users.
        `jwks_uri` replaces the JWKS URL of Cognito. `additional_clients` are names of app clients whose tokens the
        API also accepts.
        """
        client_ids = [self.pool.clients[name] for name in (WEB_CLIENT, MACHINE_CLIENT, *additional_clients)]
        return {
            **_clean_environment(),
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
            "COGNITO_HTTP_TIMEOUT_SECONDS": "30",  # a local Cognito on a busy computer is slower than AWS
            "COGNITO_IDENTITY_POOL_ID": self.account.identity_pools[IDENTITY_POOL],
            "FIELDNOTES_BUCKET": self.account.bucket,
            "AWS_ENDPOINT_URL": self.cognito,
            "AWS_ACCESS_KEY_ID": "user-pool-only",
            "AWS_SECRET_ACCESS_KEY": "user-pool-only",
            "FIELDNOTES_SYNC_RATE": "3",  # slow enough to see the progress
        }

    def _secret_key(self) -> str:
        """Return the secret key, which is created once: the sessions and tokens in the database depend on it."""
        file = self.state_dir / "secret_key"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(50))
        return file.read_text()


def pick_ports(cognito: int, site: int) -> tuple[int, int]:
    """Return a port for Cognito and one for the site: the preferred ports if they are free, else other ports."""
    cognito_port = find_free_port(cognito)
    return cognito_port, find_free_port(site, excluded=frozenset({cognito_port}))


def _clean_environment() -> dict[str, str]:
    """Return the environment without the variables of another user pool: the demo sends no request to AWS."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("COGNITO_", "DJANGO_", "AWS_"))
    }
    return {**environment, "PYTHONUNBUFFERED": "1"}
