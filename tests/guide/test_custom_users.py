"""docs/custom-users.md: a user model with the email address as username and a required field."""

from pathlib import Path
from typing import Any

import pytest

from tests.support.new_project import NewProject

SCRIPT = """
import logging, time
from django.conf import settings
from django.contrib import admin
from django.core.checks import run_checks
from django.core.management import call_command
from django.test import override_settings
from accounts.models import Member, Organisation

logging.disable()
ACME = {"custom:organisation": "acme"}
acme = Organisation.objects.create(slug="acme")
def read_member(pk):
    member = Member.objects.get(pk=pk)
    return [member.email, member.name, member.organisation.slug, member.has_usable_password()]

checks = [message.id for message in run_checks()]
without_adapter = {name: value for name, value in settings.COGNITO.items() if name != "USER_ADAPTER"}
with override_settings(COGNITO=without_adapter):
    checks_without_adapter = [message.id for message in run_checks()]

api = Client()
refused = api.get("/", headers=bearer(username="ada@example.com"))
api.get("/", headers=bearer(username="ada@example.com", iat=int(time.time()) - 60, **ACME))
ada = Member.objects.get()
api_first = read_member(ada.pk)
sign_in(Client(), "ada@example.com", name="Ada", **ACME, **{"custom:department": "Sales"})
signed_in = read_member(ada.pk)

eve = sign_in(Client(), "eve@example.com", email="ada@example.com", **ACME)
bob = sign_in(Client(), "Bob@EXAMPLE.com", groups=["editors"], **ACME)
call_command("createsuperuser", interactive=False, email="root@example.com", organisation=acme.pk)
pages = Client()
pages.force_login(Member.objects.get(email="root@example.com"), "django.contrib.auth.backends.ModelBackend")
admin_page = pages.get(f"/admin/accounts/member/{ada.pk}/change/")
result = {
    "checks": checks,
    "checks without adapter": checks_without_adapter,
    "refused": [refused.status_code, "site.no_organisation" in refused.text],
    "API first": api_first,
    "signed in": signed_in,
    "profile": ada.profile.department,
    "second user": [eve.pk == ada.pk, read_member(eve.pk)[0]],
    "normalized": bob.email,
    "rights": [bob.is_staff, bob.has_perm("auth.view_group")],
    "mail": sorted(Member.objects.exclude(email__endswith=".invalid").values_list("email", flat=True)),
    "admin": [admin_page.status_code, str(ada.cognito_users.get().sub) in admin_page.text],
    "sub": ada.cognito_users.get().sub,
}
"""


@pytest.fixture(scope="module")
def result(first_project: NewProject, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("custom-users")
    project = first_project.copy(folder)
    (folder / "db.sqlite3").unlink()  # the user model must be set before the first `migrate`
    return project.follow("custom-users").run_script(SCRIPT)


def test_required_field_of_the_page_is_no_check_message(result: Any) -> None:
    assert "django_cognito.W125" not in result["checks"]


def test_required_field_without_the_adapter_is_reported(result: Any) -> None:
    assert "django_cognito.W125" in result["checks without adapter"]


def test_member_without_organisation_is_refused(result: Any) -> None:
    assert result["refused"] == [401, True]


def test_api_first_member_has_an_invalid_address(result: Any) -> None:
    email, name, organisation, has_password = result["API first"]
    assert email == f"{result['sub']}@eu-west-1_localpool.invalid"
    assert (name, organisation, has_password) == ("", "acme", False)


def test_next_sign_in_replaces_the_invalid_address(result: Any) -> None:
    assert result["signed in"] == ["ada@example.com", "Ada", "acme", False]


def test_profile_of_a_member_is_created_with_its_claim(result: Any) -> None:
    assert result["profile"] == "Sales"


def test_second_member_with_the_same_address_is_another_user(result: Any) -> None:
    is_same, email = result["second user"]
    assert not is_same
    assert email.endswith(".invalid")


def test_query_of_the_page_leaves_invalid_addresses_out(result: Any) -> None:
    assert result["mail"] == ["Bob@example.com", "ada@example.com", "root@example.com"]


def test_email_of_a_member_is_normalized(result: Any) -> None:
    assert result["normalized"] == "Bob@example.com"


def test_member_has_the_rights_of_cognito_groups(result: Any) -> None:
    assert result["rights"] == [True, True]


def test_admin_of_the_page_shows_the_links_of_a_member(result: Any) -> None:
    assert result["admin"] == [200, True]
