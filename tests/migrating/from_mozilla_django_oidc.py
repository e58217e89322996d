"""docs/migrating-mozilla-django-oidc.md."""

from collections.abc import Callable

from local_cognito import Emulator

from .browsers import Browser, read_result
from .moved_site import AFTER, TRANSITION, MovedSite


def test_users_keep_accounts_and_rights_without_a_password(
    make_site: Callable[..., MovedSite], cognito: Emulator
) -> None:
    site = make_site("mozilla-django-oidc", cognito)
    alice, bob, carol, dave, erin = (Browser() for _ in range(5))
    with site.serve(old=True):
        results = [
            read_result(browser.sign_in(site.url, name))
            for browser, name in ((alice, "alice"), (bob, "bob"), (dave, "dave"))
        ]
    assert results == [(200, 1), (200, 2), (200, 3)]
    site.execute("UPDATE auth_user SET is_staff = 1, is_superuser = 1 WHERE email = 'alice@example.com'")
    site.give_group("bob@example.com", "Given by hand")
    site.execute("UPDATE auth_user SET is_active = 0 WHERE email = 'dave@example.com'")

    with site.serve(*TRANSITION, old=True):
        assert "django_cognito.W150" in site.call("check")
        assert site.call("link_users") == "3 linked, 0 were linked\n"
        assert site.call("link_users") == "0 linked, 3 were linked\n"
        assert read_result(carol.sign_in(site.url, "carol")) == (200, 4)  # after the command
    before = site.read_users()

    with site.serve(*AFTER, "Sessions", old=True):
        assert [read_result(browser.open(site.url)) for browser in (alice, bob)] == [(200, 1), (200, 2)]
    assert site.execute("SELECT * FROM django_cognito_cognitologin") == []  # no sign-in

    with site.serve(*AFTER, old=False):
        assert "django_cognito.W150" not in site.call("check")
        # The sessions of the site have ended, those of the hosted UI have not.
        assert [read_result(browser.open(site.url)) for browser in (alice, bob, carol)] == [
            (200, 1),
            (200, 2),
            (200, 4),
        ]
        assert read_result(dave.open(site.url)) == (403, None)
        assert read_result(erin.sign_in(site.url, "erin")) == (200, 5)
        assert site.call("link_users") == "0 linked, 5 were linked\n"
    after = site.read_users()
    assert after.pop("erin@example.com")[1] == "erin"
    assert after == before
    # Rollback: the package finds users by their email address, and new ones too.
    with site.serve(*TRANSITION, old=True):
        assert read_result(erin.open(site.url)) == (200, 5)
