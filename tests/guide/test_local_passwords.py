"""docs/local-passwords.md: both sign-ins of one account, moving users into the pool, and disabled passwords."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import boto3
import pytest
import requests
from local_cognito import Emulator
from local_cognito.seeds.reading import DEFAULT_SEED
from local_cognito_support.hosted_site import Page

from demo.ports import find_free_port
from tests.support.new_project import NewProject

TIMEOUT_SECONDS = 120
PASSWORD = "Alice-local-1"  # of alice, in the seed of the local Cognito
SCRIPT = """
from io import StringIO
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command

def create(name, **flags):
    return User.objects.create_user(name, f"{name}@example.com", "A-local-password-1", **flags)

def read_state(name):
    user = User.objects.get(username=name)
    return [user.has_usable_password(), user.cognito_users.count()]

def run(*command):
    output = StringIO()
    call_command(*command, stdout=output, stderr=output)
    return output.getvalue().strip()

lena, eve, staff = create("lena"), create("eve"), create("sue", is_staff=True)
Client().get("/", headers=bearer(username="lena"))
claims = {"email_verified": True, "name": None}
by_email = {
    "verified": sign_in(Client(), "eve-1", email="eve@example.com", **claims).pk == eve.pk,
    "eve": read_state("eve"),
    "unverified": sign_in(Client(), "lena-1", email="lena@example.com", email_verified=False).pk == lena.pk,
    "API request": lena.cognito_users.exists(),
    "staff": sign_in(Client(), "sue-1", email="sue@example.com", **claims).pk == staff.pk,
}
User.objects.exclude(username__in=["lena", "eve", "sue"]).delete()
alice = User.objects.create_user("local-alice", "", "A-local-password-1")
User.objects.filter(username="lena").update(email="")
dora, taken = create("dora"), create("taken")
moved = [run("move_users"), run("move_users"), read_state("dora"), read_state("taken"), read_state("sue")]

browser = Client()
browser.force_login(dora)
passwords = [run("disable_passwords"), read_state("dora")[0], read_state("taken")[0], browser.get("/").status_code]
restored = [run("disable_passwords", "--restore"), read_state("dora")[0], read_state("eve")[0]]
is_valid = authenticate(username="dora", password="A-local-password-1") == dora
result = {"by email": by_email, "moved": moved, "disabled": passwords, "restored": [*restored, is_valid]}
"""


@dataclass(frozen=True)
class Site:
    """The site of the page at `url`, after the script, and what the script found."""

    url: str
    cognito: Emulator
    result: Any


@pytest.fixture(scope="module")
def site(follow: Callable[[str], NewProject]) -> Iterator[Site]:
    project, port = follow("local-passwords"), find_free_port(0)
    for package in ("notes", "notes/management"):
        (project.folder / package / "__init__.py").touch()
    with (project.folder / "mysite" / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS += ["notes"]\n')
        settings.write('PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]\n')  # fast
    seed = project.folder / "seed.yaml"
    seed.write_text(DEFAULT_SEED.read_text().replace("http://localhost:8000", f"http://localhost:{port}"))
    project.environment |= {"AWS_ACCESS_KEY_ID": "any", "AWS_SECRET_ACCESS_KEY": "any"}
    with Emulator(seed=seed) as emulator:
        project.replace_texts({"http://localhost:9229": emulator.url})
        create_pool_user(emulator, "taken@example.com")
        result = project.run_script(SCRIPT)
        with project.serve(port):
            yield Site(f"http://localhost:{port}", emulator, result)


def test_verified_email_connects_and_disables_the_password(site: Site) -> None:
    assert site.result["by email"]["verified"]
    assert site.result["by email"]["eve"] == [False, 1]


@pytest.mark.parametrize("account", ["unverified", "staff", "API request"])
def test_email_never_connects_staff_or_without_verified_address(site: Site, account: str) -> None:
    assert not site.result["by email"][account]


def test_moved_users_are_linked_once_and_keep_their_password(site: Site) -> None:
    first_run, second_run, dora, *_ = site.result["moved"]
    assert first_run == second_run == "taken: the pool already has a user with this address"
    assert dora == [True, 1]


def test_move_links_staff_but_no_existing_user_of_the_pool(site: Site) -> None:
    *_, owner_of_used_address, staff = site.result["moved"]
    assert owner_of_used_address == [True, 0]
    assert staff == [True, 1]


def test_passwords_of_linked_users_are_disabled_and_sessions_end(site: Site) -> None:
    assert site.result["disabled"] == ["2 passwords changed", False, True, 302]


def test_restored_passwords_are_valid_again(site: Site) -> None:
    assert site.result["restored"] == ["2 passwords changed", True, False, True]


def test_local_user_adds_and_then_uses_the_cognito_account(site: Site) -> None:
    with requests.Session() as browser:
        fields = {"username": "local-alice", "password": "A-local-password-1"}
        assert "Hello local-alice" in submit(browser, f"{site.url}/login/", fields).text
        form = submit(browser, f"{site.url}/account/", {}, action="/auth/link/")
        account = submit(browser, form.url, {"username": "alice", "password": PASSWORD})
        assert account.url == f"{site.url}/account/"
        assert re.search(r"alice <button>Remove", account.text)
    with requests.Session() as browser:
        assert "Hello local-alice" in sign_in_with_cognito(browser, site, "alice").text


def test_moved_user_signs_in_to_the_same_account(site: Site) -> None:
    set_password(site.cognito, "dora@example.com")
    with requests.Session() as browser:
        assert "Hello dora" in sign_in_with_cognito(browser, site, "dora@example.com").text


def sign_in_with_cognito(browser: requests.Session, site: Site, username: str) -> requests.Response:
    """Follow the link on the sign-in page of the site; return the page after the sign-in."""
    page = browser.get(f"{site.url}/", timeout=TIMEOUT_SECONDS).text
    path = re.search(r'<a href="(/auth/login/[^"]*)">Sign in with Cognito', page)
    assert path is not None
    form = browser.get(site.url + path[1], timeout=TIMEOUT_SECONDS)
    return submit(browser, form.url, {"username": username, "password": PASSWORD})


def submit(browser: requests.Session, url: str, fields: dict[str, str], action: str = "") -> requests.Response:
    """Open a page, submit its form and follow the redirects. `action` replaces the URL of the form."""
    page = browser.get(url, timeout=TIMEOUT_SECONDS)
    target = page.url.partition("/account/")[0] + action if action else page.url
    return browser.post(target, {**Page(page.text).hidden, **fields}, timeout=TIMEOUT_SECONDS)


def create_pool_user(emulator: Emulator, username: str) -> None:
    identity_client(emulator).admin_create_user(UserPoolId="eu-west-1_LocalPool", Username=username)


def set_password(emulator: Emulator, username: str) -> None:
    """Set the password of a user of the pool, as "Forgot your password?" does."""
    identity_client(emulator).admin_set_user_password(
        UserPoolId="eu-west-1_LocalPool", Username=username, Password=PASSWORD, Permanent=True
    )


def identity_client(emulator: Emulator) -> Any:
    keys = {"aws_access_key_id": "any", "aws_secret_access_key": "any"}
    return boto3.client("cognito-idp", region_name="eu-west-1", endpoint_url=emulator.url, **keys)
