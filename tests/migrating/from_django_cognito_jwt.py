"""docs/migrating-django-cognito-jwt.md."""

from collections.abc import Callable

from local_cognito import Emulator

from .browsers import call_api, get_tokens, read_result
from .moved_site import AFTER, TRANSITION, MovedSite


def test_clients_reach_the_same_accounts_with_both_tokens(
    make_site: Callable[..., MovedSite], cognito: Emulator
) -> None:
    site = make_site("django-cognito-jwt", cognito)
    tokens = {name: get_tokens(cognito, name) for name in ("alice", "bob", "carol", "dave", "erin")}

    def call(name: str, use: str) -> tuple[int, int | None]:
        result: tuple[int, int | None] = read_result(call_api(site.url, tokens[name][use]))
        return result

    with site.serve(old=True):
        assert [call(name, "IdToken") for name in ("alice", "bob", "dave")] == [(200, 1), (200, 2), (200, 3)]
        assert call("alice", "AccessToken")[0] == 401  # it has no `aud`
    site.execute("UPDATE auth_user SET is_staff = 1 WHERE email = 'alice@example.com'")
    site.give_group("bob@example.com", "Given by hand")
    site.execute("UPDATE auth_user SET is_active = 0 WHERE email = 'dave@example.com'")
    site.execute(  # an administrator with a local password
        "INSERT INTO auth_user (id, password, is_superuser, username, first_name, last_name, email, is_staff,"
        " is_active, date_joined) VALUES (99, '!', 1, 'local', '', '', '', 1, 1, '2026-01-01')"
    )

    with site.serve(*TRANSITION, old=True):
        assert "django_cognito.W150" in site.call("check")
        assert site.call("link_users") == "3 linked, 0 were linked\n"
        assert call("carol", "IdToken") == (200, 100)  # after the command
    before = site.read_users()

    with site.serve(*AFTER, old=False):
        assert "django_cognito.W150" not in site.call("check")
        results = [call(name, use) for name in ("alice", "bob", "carol") for use in ("AccessToken", "IdToken")]
        assert results == [(200, pk) for pk in (1, 2, 100) for _ in range(2)]
        assert call("dave", "AccessToken")[0] == 401
        assert call("erin", "IdToken") == (200, 101)
        assert site.call("link_users") == "0 linked, 5 were linked\n"
    after = site.read_users()
    erin = after.pop("erin@example.com")
    assert after == before
    # Rollback: the code of the site finds users by their `sub`, and new ones too.
    assert len(erin[1]) == len(before["alice@example.com"][1]) == 36
