"""Permissions and Django groups that GROUPS and SCOPES_TO_PERMISSIONS grant."""

from typing import Any

import pytest
from django.contrib.auth.models import Permission

from django_cognito.checks.permissions import find_permissions
from tests.support.check_messages import change_cognito, find_check_ids, find_messages, text_of

COGNITO_BACKEND = "django_cognito.backends.CognitoBackend"
MISTAKE = "permission or app in GROUPS that does not exist"


@pytest.mark.mistake(MISTAKE, by="check")
def test_unknown_permission_is_a_warning_with_the_nearest(settings: Any) -> None:
    change_cognito(settings, GROUPS={"editors": {"permissions": ["auth.chnage_group", "auth.view_group"]}})
    (message,) = find_messages("W122")
    assert message.msg == "COGNITO['GROUPS']['editors'] grants 'auth.chnage_group', which no model has."
    assert "Did you mean 'auth.change_group'?" in text_of(message)


@pytest.mark.mistake(MISTAKE, by="check")
def test_unknown_app_is_a_warning_that_names_the_label(settings: Any) -> None:
    change_cognito(settings, SCOPES_TO_PERMISSIONS={"notes/read": ["ntoes.approve_all"]})
    (message,) = find_messages("W122")
    assert "COGNITO['SCOPES_TO_PERMISSIONS']['notes/read'] grants 'ntoes.approve_all'" in message.msg
    assert "no installed app has the label 'ntoes'" in message.msg
    assert "Write 'app_label.codename'" in text_of(message)


def test_permission_of_every_alias_is_checked(settings: Any) -> None:
    pool = {"USER_POOL_ID": "eu-west-1_Second", "CLIENT_ID": "2", "GROUPS": {"a": {"permissions": ["auth.see_user"]}}}
    first = {"USER_POOL_ID": "eu-west-1_AcmePool1", "CLIENT_ID": "1", "DOMAIN": "login.example.com"}
    settings.COGNITO = {"POOLS": {"first": first, "second": pool}}
    assert find_check_ids() == ["W122"]


def test_permissions_of_the_models_meta_are_accepted(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Permission._meta, "permissions", [("grant_permission", "Can grant")])
    permissions = ["auth.grant_permission", "auth.delete_permission", "django_cognito.view_cognitouser"]
    change_cognito(settings, GROUPS={"editors": {"permissions": permissions}})
    assert find_check_ids() == []


@pytest.mark.django_db
def test_permissions_are_those_that_migrate_creates() -> None:
    rows = Permission.objects.values_list("content_type__app_label", "codename")
    assert {f"{label}.{codename}" for label, codename in rows} == find_permissions()


@pytest.mark.mistake("permission without app label; GROUPS as a list", by="check")
@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ({"editors": {"permissions": ["add_note"]}}, "a list of permissions such as 'notes.change_note'"),
        (["editors"], "a dict from Cognito's group names to their grants"),
    ],
)
def test_groups_of_the_wrong_form_are_an_error(settings: Any, groups: Any, words: str) -> None:
    change_cognito(settings, GROUPS=groups)
    (message,) = [*find_messages("E004"), *find_messages("E005")]
    assert words in message.msg


@pytest.mark.mistake("GROUPS with Django groups, no ModelBackend", by="check")
def test_django_group_without_model_backend_is_a_warning(settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [COGNITO_BACKEND]
    change_cognito(settings, GROUPS={"admins": {"groups": ["Site admins"]}})
    (message,) = find_messages("W123")
    assert "grants the Django group 'Site admins'" in message.msg
    assert "its permissions do not count" in message.msg
    assert "Add 'django.contrib.auth.backends.ModelBackend'" in text_of(message)


@pytest.mark.parametrize(
    ("changes", "backend", "expected"),
    [
        ({"MIRROR_GROUPS": True}, COGNITO_BACKEND, ["W123"]),
        ({"MIRROR_GROUPS": True}, "django.contrib.auth.backends.RemoteUserBackend", []),
        ({"GROUPS": {"admins": {"permissions": ["auth.view_user"]}}}, COGNITO_BACKEND, []),
    ],
)
def test_django_groups_count_with_a_model_backend_only(
    settings: Any, changes: dict[str, Any], backend: str, expected: list[str]
) -> None:
    settings.AUTHENTICATION_BACKENDS = [COGNITO_BACKEND, backend]
    change_cognito(settings, **changes)
    assert find_check_ids() == expected
