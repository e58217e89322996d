"""`manage.py cognito_clearsessions`."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.utils import timezone

from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate

pytestmark = pytest.mark.django_db


def run() -> str:
    output = StringIO()
    call_command("cognito_clearsessions", stdout=output)
    return output.getvalue().strip()


@pytest.mark.usefixtures("cognito_keys", "editors_may_change_groups")
def test_clearsessions_removes_expired_groups_and_prints_the_count() -> None:
    for name in ("alice", "bob", "carol"):
        authenticate(make_token(username=name, groups=["admins"]))
    CognitoUser.objects.exclude(username="carol").update(as_of=timezone.now() - timedelta(days=31))
    assert run() == "Removed expired groups of 2 users."
    assert list(User.objects.filter(is_staff=True).values_list("username", flat=True)) == ["carol"]
    assert run() == "Removed expired groups of 0 users."
    CognitoUser.objects.update(as_of=timezone.now() - timedelta(days=31))
    assert run() == "Removed expired groups of 1 user."
