"""Scenarios of users and their groups over time: tokens with a given time of issue."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Model

from django_cognito.conf.loading import get_settings
from django_cognito.core.directory import DirectoryUser
from django_cognito.core.tokens.token import read_unverified
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import linking
from django_cognito.users.attributes.claim_sources import IdentityClaims, claims_from_directory
from django_cognito.users.authentication import verify

NOW = int(time.time())
GROUPS = {
    "editors": {"groups": ["Writers", "Readers"], "permissions": ["auth.change_group"]},
    "viewers": {"groups": ["Readers"], "permissions": ["auth.view_group"]},
    "admins": {"staff": True, "superuser": True},
    "helpers": {"staff": True},
}


def token(*groups: str, at: int = 0, **claims: Any) -> str:
    """Return a token of alice (or of `username`), issued `at` seconds after the start of the tests."""
    moment = NOW + at
    return make_token(groups=groups, **{"iat": moment, "auth_time": moment, "exp": NOW + 21_600, **claims})


def link_of(user: Any) -> CognitoUser:
    """Return the link row of a user; there must be one."""
    return CognitoUser.objects.get(user=user)


def directory_claims(*groups: str, at: float = 0, username: str = "alice", **attributes: str) -> IdentityClaims:
    """Return the claims of a directory user, read `at` seconds after the start of the tests."""
    sub = read_unverified(token(username=username))["sub"]
    moment = datetime.fromtimestamp(NOW, UTC) + timedelta(seconds=at)
    directory_user = DirectoryUser(sub, username, {"sub": sub, **attributes}, True, "CONFIRMED", moment, moment)
    return claims_from_directory(directory_user, groups, moment, get_settings())


def django_groups(user: Any) -> set[str]:
    """Return the names of the user's Django groups from the database."""
    return set(user.groups.values_list("name", flat=True))


def fields_of(instance: Model) -> dict[str, Any]:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def link_state_of(link: Any) -> tuple[Any, ...]:
    """Return the columns that a new token is compared with."""
    return link.pk, link.groups, link.as_of, link.access_digest, link.id_digest


def link(owner: Any, username: str, **claims: Any) -> None:
    token, profile = verify(make_token(username=username, **claims))
    linking.link(owner, token, profile)  # type: ignore[arg-type]
