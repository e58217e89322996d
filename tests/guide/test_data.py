"""docs/data.md: the tables of the page are those of the models; deletion, closed accounts and the export."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.db.models import Model

from django_cognito.authorization import group_expiry
from django_cognito.login import flow
from django_cognito.sessions import store
from tests.support.guide import GUIDE
from tests.support.new_project import NewProject

PAGE = (GUIDE / "data.md").read_text()
MODELS = [model for app in ("django_cognito", "cognito_datasets") for model in apps.get_app_config(app).get_models()]
SESSION_KEYS = {"_auth_user_id", "_auth_user_backend", "_auth_user_hash"}  # "Django's own keys" of the page

SCRIPT = """
from django.contrib.auth.models import User
from django.core.serializers.json import DjangoJSONEncoder
from django.urls import reverse
from notes.privacy import close_account, export_account

def get(client, **options):
    response = client.get("/", **options)
    return [response.status_code, response.json()["code"] if response.status_code == 401 else ""]

headers = bearer(username="eve")
Client().get("/", headers=headers)
former = User.objects.get(username="eve")
former_pk = former.pk
former.delete()
deleted = [get(Client(), headers=headers), User.objects.get(username="eve").pk != former_pk]

browser = Client()
bob = sign_in(browser, "bob", groups=["editors"])
signed_in = get(browser)
session = dict(browser.session)
export = json.loads(json.dumps(export_account(bob), cls=DjangoJSONEncoder))
close_account(bob)
closed = {"session": get(browser), "token": get(Client(), headers=bearer(username="bob"))}
result = {
    "deleted": deleted, "signed in": signed_in, "closed": closed, "export": export,
    "session keys": list(session), "session": json.dumps(session),
}
"""


@pytest.fixture(scope="module")
def result(follow: Callable[[str], NewProject]) -> Any:
    return follow("data").run_script(SCRIPT)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_page_names_exactly_the_columns_of_the_table(model: type[Model]) -> None:
    assert columns_of_page(model._meta.db_table) == {field.column for field in model._meta.concrete_fields}


def test_page_names_every_key_of_the_session() -> None:
    session_keys = {store.SESSION_KEY, store.SET_ASIDE_KEY, group_expiry.SESSION_KEY, flow._COMPLETED}
    assert session_keys == set(re.findall(r"`(_cognito_\w+)`", PAGE))


def test_deleted_user_returns_with_the_next_token(result: Any) -> None:
    assert result["deleted"] == [[200, ""], True]


def test_closed_account_is_rejected_in_sessions_and_api_requests(result: Any) -> None:
    assert result["signed in"] == [200, ""]
    assert result["closed"] == {"session": [302, ""], "token": [401, "user_inactive"]}


def test_export_has_link_and_sign_ins_and_no_token(result: Any) -> None:
    (link,), (sign_in,) = result["export"]["links"], result["export"]["sign_ins"]
    assert (link["username"], link["groups"]) == ("bob", ["editors"])
    assert sign_in.keys() == {"created_at", "expires_at"}


def test_session_has_no_token_and_only_keys_of_the_page(result: Any) -> None:
    assert {key for key in result["session keys"] if f"`{key}`" not in PAGE} == SESSION_KEYS
    assert "eyJ" not in result["session"]


def columns_of_page(table: str) -> set[str]:
    """Return the names in the first column of the table under the heading of a database table."""
    section = PAGE.partition(f"### `{table}`\n")[2].partition("\n#")[0]
    return {name for row in re.findall(r"^\|(.*?)\|", section, re.M) for name in re.findall(r"`(\w+)`", row)}
