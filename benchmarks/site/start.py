"""Set up a site in this process. `python -m benchmarks.site.start` creates the tables and the users of all sites."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from ..tokens import GROUP, USERS, Scenario
from .sites import PERMISSION, get_opaque_token


def start(scenario: Scenario, name: str) -> None:
    """Set up Django as the site `name`. The package gets the pool's keys, so that no measurement includes a fetch."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.site.settings",
        "BENCHMARK_SITE": name,
        "BENCHMARK_SCENARIO": scenario.folder,
    }
    django.setup()
    if name.startswith("django-cognito-jwt"):
        _redirect_key_requests(scenario)
    elif name.startswith("django-cognito"):
        _load_keys(scenario)


def _load_keys(scenario: Scenario) -> None:
    from django_cognito.conf.loading import get_settings
    from django_cognito.factories import get_verifier

    get_verifier().load_jwks(get_settings().user_pool, scenario.jwks)


def _redirect_key_requests(scenario: Scenario) -> None:
    """Send the key requests of django-cognito-jwt, whose JWKS URL is fixed, to the loopback server."""
    from django_cognito_jwt import validator

    origin = json.loads((Path(scenario.folder) / "services.json").read_text())["origin"]
    get = validator.requests.get

    class Requests:
        @staticmethod
        def get(url: str, **options: Any) -> Any:
            return get(f"{origin}/jwks.json", **options)

    validator.requests = Requests


def create_tables(scenario: Scenario) -> None:
    """Create the tables of all sites and the users of all tokens; the first user is in the Django group."""
    from django.contrib.auth.models import Group, Permission, User
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    subs = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"user-{number}")) for number in range(USERS)]
    users = User.objects.bulk_create(User(username=sub, email=f"{sub}@example.com") for sub in subs)
    Token.objects.bulk_create(
        Token(user=user, key=get_opaque_token(scenario.tokens[n])) for n, user in enumerate(users)
    )
    group = Group.objects.create(name=GROUP)
    group.permissions.add(Permission.objects.get(codename=PERMISSION.partition(".")[2]))
    users[0].groups.add(group)


if __name__ == "__main__":
    _scenario = Scenario.read(os.environ["BENCHMARK_SCENARIO"])
    start(_scenario, "all-tables")
    create_tables(_scenario)
