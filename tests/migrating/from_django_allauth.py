"""docs/migrating-django-allauth.md."""

from collections.abc import Callable

from local_cognito import Emulator

from .browsers import Browser, read_result
from .moved_site import AFTER, TRANSITION, MovedSite


def test_social_accounts_become_links_of_the_same_users(make_site: Callable[..., MovedSite], cognito: Emulator) -> None:
    site = make_site("django-allauth", cognito)
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
    # The account of another provider is not of this pool.
    site.execute(
        "INSERT INTO socialaccount_socialaccount (provider, uid, last_login, date_joined, extra_data, user_id)"
        " SELECT 'github', uid, last_login, date_joined, '{}', 2 FROM socialaccount_socialaccount WHERE user_id = 1"
    )

    with site.serve(*TRANSITION, old=True):
        assert "django_cognito.W150" in site.call("check")
        assert site.call("link_users") == "3 linked, 0 were linked\n"
        assert read_result(carol.sign_in(site.url, "carol")) == (200, 4)
        # Now the new code starts. Users who sign in to the old code after this command are linked by email.
        assert site.call("link_users") == "1 linked, 3 were linked\n"
        assert read_result(erin.sign_in(site.url, "erin")) == (200, 5)
    before = site.read_users()
    links = site.execute("SELECT user_id, username FROM django_cognito_cognitouser ORDER BY user_id")
    assert links == [(1, "alice"), (2, "bob"), (3, "dave"), (4, "carol")]

    with site.serve(*AFTER, old=False):
        assert "django_cognito.W150" not in site.call("check")
        results = [read_result(browser.open(site.url)) for browser in (alice, bob, carol, erin)]
        assert results == [(200, 1), (200, 2), (200, 4), (200, 5)]
        assert read_result(dave.open(site.url)) == (403, None)
    assert site.read_users() == before
