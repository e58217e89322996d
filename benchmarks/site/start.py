"""Starts a site in this process, its keys at hand. `python -m benchmarks.site.start` lays its tables and people."""

import json
import os
import uuid
from pathlib import Path
from typing import Any

import django
from django.core.management import call_command

from ..tokens import GROUP, PEOPLE, Scene
from .sites import PERMISSION, opaque


def start(scene: Scene, name: str) -> None:
    """Set Django up as the site `name`, and give the package the pool's keys: nobody fetches while time is taken."""
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "benchmarks.site.settings",
        "BENCHMARK_SITE": name,
        "BENCHMARK_SCENE": scene.folder,
    }
    django.setup()
    if name.startswith("ours"):
        _trust_ours(scene)
    elif name.startswith("django-cognito-jwt"):
        _direct_django_cognito_jwt(scene)


def _trust_ours(scene: Scene) -> None:
    from django_cognito.conf.loading import get_settings
    from django_cognito.factories import get_verifier

    get_verifier().load_jwks(get_settings().user_pool, scene.jwks)


def _direct_django_cognito_jwt(scene: Scene) -> None:
    """The address of the keys cannot be configured: send its requests to the loopback server."""
    from django_cognito_jwt import validator

    origin = json.loads((Path(scene.folder) / "place.json").read_text())["origin"]
    get = validator.requests.get

    class Requests:
        @staticmethod
        def get(url: str, **options: Any) -> Any:
            return get(f"{origin}/jwks.json", **options)

    validator.requests = Requests


def lay_tables(scene: Scene) -> None:
    """All tables that any site wants, and the people whose tokens will come; Django's own means know the first."""
    from django.contrib.auth.models import Group, Permission, User
    from rest_framework.authtoken.models import Token

    call_command("migrate", verbosity=0)
    subs = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"person-{number}")) for number in range(PEOPLE)]
    people = User.objects.bulk_create(User(username=sub, email=f"{sub}@example.com") for sub in subs)
    Token.objects.bulk_create(Token(user=user, key=opaque(scene.tokens[n])) for n, user in enumerate(people))
    group = Group.objects.create(name=GROUP)
    group.permissions.add(Permission.objects.get(codename=PERMISSION.partition(".")[2]))
    people[0].groups.add(group)


if __name__ == "__main__":
    _scene = Scene.read(os.environ["BENCHMARK_SCENE"])
    start(_scene, "everything")
    lay_tables(_scene)
