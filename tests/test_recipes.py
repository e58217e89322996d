"""Functions and commands of the guide do what their pages promise."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from local_cognito import Emulator
from local_cognito_support.scripted_server import ScriptedServer, json_answer

from django_cognito.core.client_secret import ClientSecret
from django_cognito.models import CognitoUser
from django_cognito.testing import make_token
from django_cognito.users.authentication import authenticate

from .support.guide import load_object

SUB = "5e0a1b52-6f0c-4c1e-9a58-0d7c5a1e0001"


@pytest.mark.django_db
def test_user_allowed_manually_is_authenticated_by_a_token(settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "USER_POOL_ID": "eu-west-1_AbCdEfGhI", "CREATE_USERS": False}
    user = User.objects.create(username="local")
    load_object("groups", "allow_user")("local", SUB)
    assert authenticate(make_token(username="alice", sub=SUB))[0] == user


@pytest.mark.django_db
def test_user_linked_by_the_migration_guide_keeps_the_account(settings: Any, cognito_keys: None) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"editors": {"staff": True}}}
    user = User.objects.create(username=SUB)
    counts = [load_object("migrating", "link_by_username")() for _ in range(2)]  # a second run changes nothing
    authenticated, _ = authenticate(make_token(username="alice", sub=SUB, groups=["editors"]))
    assert (counts, authenticated, authenticated.username, authenticated.is_staff) == ([1, 0], user, SUB, True)


@pytest.mark.django_db
def test_migration_guide_links_only_usernames_that_are_a_sub() -> None:
    similar = [SUB.replace("5e0a", "6e0a").upper(), SUB.replace("-", ""), f"{{{SUB}}}", f"urn:uuid:{SUB}", "admin", ""]
    for username in (*similar, SUB):
        User.objects.create(username=username)
    assert load_object("migrating", "link_by_username")() == 1
    for page in ("django-cognito-jwt", "djangorestframework-simplejwt"):
        assert [link.sub for link in load_object(f"migrating-{page}", "Command")().find_links()] == [SUB]
    assert list(CognitoUser.objects.values_list("user__username", "sub")) == [(SUB, SUB)]


@pytest.mark.django_db
def test_user_with_a_password_is_not_linked_by_the_migration_guide(capsys: pytest.CaptureFixture[str]) -> None:
    user = User.objects.create_user(SUB, password="an attacker knows it")
    assert load_object("migrating", "link_by_username")() == 0
    assert capsys.readouterr().out == f"user {user.pk}, sub {SUB}: the user has a local password\n"


def test_client_secret_is_read_from_secrets_manager(monkeypatch: pytest.MonkeyPatch) -> None:
    read, arn = (
        load_object("rotating-secrets", "read_client_secret"),
        "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a",
    )
    value = {"userPoolId": "eu-west-1_A1", "userPoolClientId": "1web", "clientSecretValue": "the-current-secret"}
    with ScriptedServer(json_answer({"ARN": arn, "SecretString": json.dumps(value)})) as server:
        for name, text in {
            "COGNITO_CLIENT_SECRET_ARN": arn,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": server.url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
        }.items():
            monkeypatch.setenv(name, text)
        assert ClientSecret(read).read() == "the-current-secret"
    (request,) = server.requests
    assert request.headers["x-amz-target"] == "secretsmanager.GetSecretValue"
    assert json.loads(request.body) == {"SecretId": arn}


NEW_POOL_SEED = """
pools:
  - id: eu-west-1_NewPool01
    clients: [{id: 1new2client3}]
    users:
      - {username: ada, sub: new-ada, attributes: {"custom:former_sub": old-ada}}
      - {username: bob, sub: new-bob, attributes: {"custom:former_sub": old-bob}}
      - {username: new, sub: new-new}
"""


@pytest.fixture
def new_pool(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Make a pool of the local Cognito the site's pool; yield the id of the former one."""
    seed = tmp_path / "seed.yaml"
    seed.write_text(NEW_POOL_SEED)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with Emulator(seed=seed, port=0) as emulator:
        former_pool_id = settings.COGNITO["USER_POOL_ID"]
        new = {"USER_POOL_ID": "eu-west-1_NewPool01", "CLIENT_ID": "1new2client3", "ENDPOINT_URL": emulator.url}
        settings.COGNITO = {**settings.COGNITO, **new}
        yield former_pool_id


def _create_link(username: str, pool_id: str, sub: str) -> User:
    user = User.objects.create(username=f"{username} of {pool_id}")
    as_of = datetime(2020, 1, 1, tzinfo=UTC)
    CognitoUser.objects.create(user=user, user_pool_id=pool_id, sub=sub, username=username, as_of=as_of)
    return user


@pytest.mark.django_db
def test_users_of_a_new_pool_keep_their_accounts(
    new_pool: str, cognito_keys: None, capsys: pytest.CaptureFixture[str]
) -> None:
    ada, bob = (_create_link(name, new_pool, f"old-{name}") for name in ("ada", "bob"))
    early = _create_link("bob", "eu-west-1_NewPool01", "new-bob")  # signed in before the command ran
    command = load_object("upgrading", "Command")
    for _ in range(2):  # a second run changes nothing
        call_command(command(), new_pool)
    assert authenticate(make_token(username="ada", sub="new-ada"))[0] == ada
    assert authenticate(make_token(username="new", sub="new-new"))[0] not in (ada, bob, early)
    links = CognitoUser.objects.filter(user_pool_id="eu-west-1_NewPool01").values_list("sub", "user_id")
    assert dict(links) == {"new-ada": ada.pk, "new-bob": early.pk, "new-new": User.objects.latest("pk").pk}
    assert f"bob has two accounts: {bob.pk} and {early.pk}" in capsys.readouterr().err
