"""docs/migrating-djangorestframework-simplejwt.md: tokens of Cognito, and tokens that the site issues."""

from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests
from local_cognito import Emulator

from .browsers import call_api, get_tokens, read_result
from .moved_site import AFTER, TRANSITION, MovedSite

NAME = "djangorestframework-simplejwt"


@pytest.fixture(scope="module")
def tokens(cognito: Emulator) -> dict[str, dict[str, str]]:
    """Return the tokens of each user by their names in the API."""
    return {name: get_tokens(cognito, name) for name in ("alice", "bob", "dave", "erin")}


def test_tokens_of_cognito_reach_the_same_accounts(
    make_site: Callable[..., MovedSite], cognito: Emulator, tokens: dict[str, dict[str, str]]
) -> None:
    site = make_site(NAME, cognito)

    def call(name: str) -> Any:
        return read_result(call_api(site.url, tokens[name]["AccessToken"]))

    def add_user(name: str) -> None:
        sub = jwt.decode(tokens[name]["AccessToken"], options={"verify_signature": False})["sub"]
        site.execute(
            "INSERT INTO auth_user (password, is_superuser, username, first_name, last_name, email, is_staff,"
            " is_active, date_joined) VALUES ('!', 0, ?, '', '', ?, 0, 1, '2026-01-01')",
            *(sub, f"{name}@example.com"),
        )

    with site.serve(old=True):
        for name in ("alice", "bob", "dave"):
            add_user(name)
        assert [call(name) for name in ("alice", "bob", "dave")] == [(200, 1), (200, 2), (200, 3)]
        assert call("erin")[0] == 401
    site.execute("UPDATE auth_user SET is_staff = 1 WHERE email = 'alice@example.com'")
    site.give_group("bob@example.com", "Given by hand")
    site.execute("UPDATE auth_user SET is_active = 0 WHERE email = 'dave@example.com'")
    before = site.read_users()
    with site.serve(*TRANSITION, old=True):
        assert "django_cognito.W150" in site.call("check")
        assert site.call("link_users") == "3 linked, 0 were linked\n"
    with site.serve(*AFTER, old=False):
        assert "django_cognito.W150" not in site.call("check")
        assert [call(name) for name in ("alice", "bob")] == [(200, 1), (200, 2)]
        assert [call(name)[0] for name in ("dave", "erin")] == [401, 401]
        assert site.read_users() == before
        add_user("erin")  # after the command
        assert call("erin") == (200, 4)


def test_tokens_of_the_site_are_accepted_until_they_expire(
    make_site: Callable[..., MovedSite], cognito: Emulator, tokens: dict[str, dict[str, str]]
) -> None:
    site = make_site(NAME, cognito, directory="simplejwt_own_tokens", DJANGO_SUPERUSER_PASSWORD="A-local-password-1")
    with site.serve(old=True):
        site.call("createsuperuser --noinput --username alice --email alice@example.com")
        site.execute("UPDATE auth_user SET is_staff = 0, is_superuser = 0")
        pair = request_pair(site)
        assert read_result(call_api(site.url, pair["access"])) == (200, 1)
    with site.serve("Tokens that the site issues", old=True):
        assert "django_cognito.W150" not in site.call("check")
        alice = tokens["alice"]
        assert read_result(call_api(site.url, pair["access"])) == (200, 1)
        linked = call_api(site.url, alice["AccessToken"], X_Cognito_Id_Token=alice["IdToken"])
        assert read_result(linked) == (200, 1)
        # Both are accepted now, and the local password too.
        raws = [alice["AccessToken"], pair["access"], request_pair(site)["access"]]
        assert [read_result(call_api(site.url, raw)) for raw in raws] == [(200, 1)] * 3
        own_key = jwt.encode({"user_id": "1", "token_type": "access", "jti": "1", "exp": 9999999999}, "k" * 50)
        unsigned = jwt.encode({"sub": "1", "token_use": "access", "exp": 9999999999}, None, algorithm="none")
        without_alg = "eyJ0eXAiOiJKV1QifQ.e30.AA"
        refused = [
            call_api(site.url, raw).status_code for raw in (own_key, unsigned, pair["refresh"], without_alg, "no-token")
        ]
        assert refused == [401] * 5
    assert len(site.read_users()) == 1


def request_pair(site: MovedSite) -> dict[str, str]:
    """Sign in with the local password; return the access and the refresh token of the site."""
    fields = {"username": "alice", "password": "A-local-password-1"}
    answer = requests.post(f"{site.url}/api/token/", json=fields, timeout=30)
    assert answer.status_code == 200, answer.text
    pair: dict[str, str] = answer.json()
    return pair
