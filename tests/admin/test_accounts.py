"""The admin pages of links, memberships and logins: read-only, without tokens, fast at any number of rows.

Most tests also run with a custom user model, in the process that `test_site` starts.
"""

from itertools import product
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.apps import SimpleAdminConfig
from django.contrib.admin.models import LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.admin import UserAdmin
from django.contrib.auth.models import Permission, User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from django_cognito.admin import CognitoAdminSite, CognitoUserAdmin, CognitoUserInline, register_models, search
from django_cognito.models import CognitoLogin, CognitoMembership, CognitoUser
from django_cognito.testing import sign_in
from tests.support.cases import cases
from tests.support.scenarios.login import create_login

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.admin.two_admins_site")]

PAGES = ("cognitouser", "cognitomembership", "cognitologin")
TABLES = {"cognitouser": CognitoUser, "cognitomembership": CognitoMembership, "cognitologin": CognitoLogin}
EACH_PAGE = pytest.mark.parametrize("page", PAGES)


@pytest.fixture(autouse=True)
def _groups(settings: Any, cognito_keys: Any) -> None:
    groups = {"admins": {"staff": True, "superuser": True}, "clerks": {"staff": True}}
    settings.COGNITO = {**settings.COGNITO, "GROUPS": groups}


@pytest.fixture
def client() -> Client:
    """Return the browser of a superuser."""
    client = Client()
    sign_in(client, "root", groups=["admins"])
    return client


@pytest.fixture
def alice() -> Any:
    """Return the user alice, who has a login."""
    return sign_in(Client(), "alice", groups=["editors"])


def list_rows(client: Client, page: str, term: str) -> list[str]:
    """Return the rows that the list shows for a search."""
    answer = client.get(f"/admin/django_cognito/{page}/", {"q": term})
    assert answer.status_code == 200
    return [str(row) for row in answer.context["cl"].result_list]


def grant(username: str, *names: str) -> Client:
    """Return the browser of a staff user with these permissions."""
    client = Client()
    user = sign_in(client, username, groups=["clerks"])
    user.user_permissions.add(*Permission.objects.filter(codename__in=names))
    return client


@EACH_PAGE
def test_admin_page_of_a_row_is_read_only(client: Client, page: str) -> None:
    row = TABLES[page].objects.first()
    url = f"/admin/django_cognito/{page}/"
    assert client.get(url).status_code == 200
    answer = client.get(f"{url}{row.pk}/change/")
    assert answer.status_code == 200
    html = answer.content.decode()
    assert 'name="_save"' not in html
    assert f'href="{url}{row.pk}/delete/"' in html or page != "cognitouser"
    assert client.get(f"{url}add/").status_code == 403
    assert client.post(f"{url}{row.pk}/change/", {"username": "mallory", "name": "admins"}).status_code == 403


@EACH_PAGE
def test_admin_pages_contain_and_read_no_token(client: Client, page: str) -> None:
    url, row = f"/admin/django_cognito/{page}/", TABLES[page].objects.get()
    tokens = bytes(CognitoLogin.objects.get().tokens)
    with CaptureQueriesContext(connection) as queries:
        pages = [client.get(url), client.get(f"{url}{row.pk}/change/")]
    text = "".join(answer.content.decode() for answer in pages)
    assert not any(form in text for form in (tokens.hex(), str(tokens), "digest"))
    # The session of the request itself reads its login, once per request.
    reads = [query["sql"] for query in queries if "tokens" in query["sql"]]
    assert len(reads) == 2, reads


@EACH_PAGE
def test_admin_pages_require_their_own_view_permission(alice: Any, page: str) -> None:
    row = TABLES[page].objects.get()
    urls = [f"/admin/django_cognito/{page}/", f"/admin/django_cognito/{page}/{row.pk}/change/"]
    assert {grant("clerk").get(url).status_code for url in urls} == {403}
    assert grant("viewer", f"view_{page}").get(urls[0]).status_code == 200


# Searches


SEARCHES = [
    # the page, the term and the number of rows
    ("cognitouser", "", 3),
    ("cognitouser", "ali", 1),
    ("cognitouser", " alice ", 1),
    ("cognitouser", "lice", 0),
    ("cognitouser", "{sub}", 1),
    ("cognitouser", "{half of the sub}", 0),
    ("cognitomembership", "", 3),
    ("cognitomembership", "edit", 2),
    ("cognitomembership", "itors", 0),
    ("cognitomembership", "alice", 1),
    ("cognitomembership", "{sub}", 1),
    ("cognitologin", "", 3),
    ("cognitologin", "alice", 1),
    ("cognitologin", "{sub}", 1),
    ("cognitologin", "%", 0),
]


def test_admin_search_finds_beginnings_and_complete_subs(client: Client, alice: Any) -> None:
    sign_in(Client(), "bob", groups=["editors"])
    sub = alice.cognito_users.get().sub
    with cases() as case:
        for page, term, count in SEARCHES:
            text = term.replace("{sub}", sub).replace("{half of the sub}", sub[: len(sub) // 2])
            with case(f"{term!r} in {page}"):
                assert len(list_rows(client, page, text)) == count


@pytest.mark.parametrize("term", ["", "alice"])
def test_login_list_begins_with_the_login_that_expires_last(client: Client, alice: Any, term: str) -> None:
    ids = [CognitoLogin.objects.get(cognito_user__user=alice).pk]
    for minutes in (90, 30):
        login = create_login(Client(), "alice2", ends_in=60 * minutes)
        ids.insert(0 if minutes > 60 else len(ids), login.pk)
    page = client.get("/admin/django_cognito/cognitologin/", {"q": term})
    assert [login.pk for login in page.context["cl"].result_list if login.cognito_user.username != "root"] == ids


def count_queries(client: Client, page: str, term: str, at_least: int = 0) -> int:
    """Return the number of queries for a list, which shows at least this number of rows."""
    with CaptureQueriesContext(connection) as queries:
        assert len(list_rows(client, page, term)) >= at_least
    return len(queries)


def test_admin_list_takes_the_same_queries_for_more_rows(client: Client, alice: Any) -> None:
    lists = list(product(PAGES, ("", "alice")))
    for page, term in lists:
        list_rows(client, page, term)  # fills the caches
    few = [count_queries(client, page, term) for page, term in lists]
    for index in range(4):
        sign_in(Client(), f"alice{index}", groups=["editors"])
    assert [count_queries(client, page, term, at_least=5) for page, term in lists] == few


@EACH_PAGE
def test_admin_list_counts_a_bounded_number_of_rows(
    client: Client, alice: Any, page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "MAX_ROWS", 1)
    with CaptureQueriesContext(connection) as queries:
        shown = client.get(f"/admin/django_cognito/{page}/").context["cl"]
    assert (shown.result_count, shown.full_result_count) == (1, None)
    counts = [query["sql"] for query in queries if "COUNT(" in query["sql"]]
    assert len(counts) == 1
    assert "LIMIT 1" in counts[0]


# Deletion


def test_link_deletion_in_the_admin_unlinks_the_account(client: Client, alice: Any) -> None:
    alice.set_password("a long local password")
    alice.save()
    link = alice.cognito_users.get()
    url = f"/admin/django_cognito/cognitouser/{link.pk}/delete/"
    assert "alice" in client.get(url).content.decode()
    assert client.post(url, {"post": "yes"}).status_code == 302
    assert not CognitoUser.objects.filter(pk=link.pk).exists()
    assert alice.former_cognito_links.count() == 1
    assert LogEntry.objects.get().object_repr == str(link)


def test_admin_refuses_to_delete_the_last_sign_in_of_a_user(client: Client, alice: Any) -> None:
    link = alice.cognito_users.get()
    url = f"/admin/django_cognito/cognitouser/{link.pk}/"
    page = client.post(f"{url}delete/", {"post": "yes"}, follow=True)
    assert page.redirect_chain == [(f"{url}change/", 302)]
    assert "This user could not sign in without this account." in page.content.decode()
    assert alice.cognito_users.get() == link
    assert not LogEntry.objects.exists()


def test_link_deletion_requires_its_permission(alice: Any) -> None:
    clerk = grant("clerk", "view_cognitouser")
    url = f"/admin/django_cognito/cognitouser/{alice.cognito_users.get().pk}/"
    assert "delete/" not in clerk.get(f"{url}change/").content.decode()
    assert clerk.post(f"{url}delete/", {"post": "yes"}).status_code == 403
    assert alice.cognito_users.exists()


@pytest.mark.parametrize("page", ["cognitomembership", "cognitologin"])
def test_membership_and_login_have_no_deletion(client: Client, page: str) -> None:
    row = TABLES[page].objects.get()
    url = f"/admin/django_cognito/{page}/{row.pk}/"
    assert f"{url}delete/" not in client.get(f"{url}change/").content.decode()
    assert client.post(f"{url}delete/", {"post": "yes"}).status_code == 403


@EACH_PAGE
def test_admin_list_has_no_action_that_deletes(client: Client, alice: Any, page: str) -> None:
    url = f"/admin/django_cognito/{page}/"
    rows = [row.pk for row in TABLES[page].objects.all()]
    client.post(url, {"action": "delete_selected", "_selected_action": rows, "post": "yes"})
    assert TABLES[page].objects.count() == len(rows)


def test_user_deletion_requires_the_permission_for_users_only(alice: Any) -> None:
    model = get_user_model()._meta
    clerk = grant("clerk", f"view_{model.model_name}", f"delete_{model.model_name}")
    url = f"/admin/{model.app_label}/{model.model_name}/{alice.pk}/delete/"
    assert clerk.post(url, {"post": "yes"}).status_code == 302
    assert not get_user_model()._default_manager.filter(pk=alice.pk).exists()
    assert not CognitoUser.objects.filter(username="alice").exists()


# The links of a user


@pytest.fixture
def user_page(alice: Any) -> str:
    """Return the URL of alice's page in the admin of users, which has the inline."""
    model = get_user_model()._meta
    return f"/admin/{model.app_label}/{model.model_name}/{alice.pk}/change/"


def test_user_page_of_the_admin_shows_the_links(client: Client, alice: Any, user_page: str) -> None:
    link = alice.cognito_users.get()
    page = client.get(user_page).content.decode()
    assert link.sub in page
    assert f"/admin/django_cognito/cognitouser/{link.pk}/change/" in page


def test_user_page_without_permission_for_links_shows_none(alice: Any, user_page: str) -> None:
    name = get_user_model()._meta.model_name
    page = grant("clerk", f"view_{name}").get(user_page)
    assert (page.status_code, alice.cognito_users.get().sub in page.content.decode()) == (200, False)


def test_user_page_is_saved_without_the_fields_of_its_links(client: Client, alice: Any, user_page: str) -> None:
    link = alice.cognito_users.get()
    form = {"email": "new@example.com", "cognito_users-TOTAL_FORMS": "1", "cognito_users-0-username": "mallory"}
    for answer in (client.post(user_page, {"email": "other@example.com"}), client.post(user_page, form)):
        assert answer.status_code == 302, answer.context["errors"]
    alice.refresh_from_db()
    link.refresh_from_db()
    assert (alice.email, link.username) == ("new@example.com", "alice")
    assert "change_message" in vars(LogEntry.objects.first())


def test_user_page_with_an_invalid_field_still_shows_the_links(client: Client, alice: Any, user_page: str) -> None:
    page = client.post(user_page, {"email": "no address"})
    assert (page.status_code, alice.cognito_users.get().sub in page.content.decode()) == (200, True)


# Registration


def test_default_site_has_the_pages_and_the_links_of_a_user() -> None:
    assert all(admin.site.is_registered(model) for model in TABLES.values())
    user_admin = admin.site.get_model_admin(User)
    assert (type(user_admin), list(user_admin.inlines)) == (UserAdmin, [CognitoUserInline])
    assert list(UserAdmin.inlines) == []  # of the class, which other sites use


def test_project_admins_are_not_replaced() -> None:
    class OwnUserAdmin(UserAdmin):
        """A project's admin of users."""

    class OwnLinkAdmin(CognitoUserAdmin):
        """A project's admin of links."""

    own_site = CognitoAdminSite()
    own_site.register(User, OwnUserAdmin)
    own_site.register(CognitoUser, OwnLinkAdmin)
    register_models(own_site)
    assert type(own_site.get_model_admin(CognitoUser)) is OwnLinkAdmin
    assert list(own_site.get_model_admin(User).inlines) == []
    assert own_site.is_registered(CognitoLogin)


def test_site_without_users_gets_the_pages_only() -> None:
    empty_site = CognitoAdminSite()
    register_models(empty_site)
    assert all(empty_site.is_registered(model) for model in TABLES.values())
    assert not empty_site.is_registered(User)


def test_simple_admin_config_registers_no_models(monkeypatch: pytest.MonkeyPatch) -> None:
    empty_site = admin.AdminSite()
    monkeypatch.setattr(admin, "site", empty_site)
    monkeypatch.setitem(apps.app_configs, "admin", SimpleAdminConfig("django.contrib.admin", admin))
    cognito: Any = apps.get_app_config("django_cognito")
    cognito._register_in_admin()
    assert not empty_site.is_registered(CognitoUser)
