"""People and their groups over time, told by real tokens that were issued at moments of the test's choosing."""

import time
from typing import Any

from django.db.models import Model

from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users import linking
from django_cognito.users.authentication import verify

NOW = int(time.time())
GROUPS = {
    "editors": {"groups": ["Writers", "Readers"], "permissions": ["auth.change_group"]},
    "viewers": {"groups": ["Readers"], "permissions": ["auth.view_group"]},
    "admins": {"staff": True, "superuser": True},
    "helpers": {"staff": True},
}


def token(*groups: str, at: int = 0, **claims: Any) -> str:
    """A token of alice's (or of `username`'s), issued `at` seconds from the tests' start."""
    moment = NOW + at
    return make_token(groups=groups, **{"iat": moment, "auth_time": moment, "exp": NOW + 3_600, **claims})


def link_of(user: Any) -> CognitoUser:
    """The one link row of a user."""
    return CognitoUser.objects.get(user=user)


def django_groups(user: Any) -> set[str]:
    """The names of the user's Django groups, as the database has them."""
    return set(user.groups.values_list("name", flat=True))


def fields_of(instance: Model) -> dict[str, Any]:
    return {field.attname: getattr(instance, field.attname) for field in instance._meta.concrete_fields}


def known_of(link: Any) -> tuple[Any, ...]:
    """What a token is held against."""
    return link.pk, link.groups, link.as_of, link.access_digest, link.id_digest


def link(owner: Any, username: str, **claims: Any) -> None:
    token, profile = verify(make_token(username=username, **claims))
    linking.link(owner, token, profile)  # type: ignore[arg-type]  # of a person
