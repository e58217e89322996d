"""A page of one user must not read or write the datasets of the user who signed in later in the same browser."""

import re
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth import get_user_model
from django.template import Context, Template

from tests.support.dataset_server import CLIENT

from .api import Api, error_of, record

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.fixture
def user_id(cognito_keys: None) -> str:
    """Return the primary key of bob, who has signed in after alice."""
    Api("bob").write(record("theme", "of bob"))
    return str(get_user_model().objects.get(username="bob").pk)


@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_page_of_a_former_user_reads_and_writes_nothing(user_id: str, method: str) -> None:
    bob = Api("bob")
    bob.headers |= {"X-Dataset-User": f"{user_id}0"}
    call = {"get": bob.get, "post": lambda: bob.post(record("theme", "of alice")), "delete": bob.delete}[method]
    assert error_of(call()) == (403, "other_user")
    assert [item["value"] for item in Api("bob").read()["records"]] == ["of bob"]


def test_page_of_the_user_reads(user_id: str) -> None:
    bob = Api("bob")
    bob.headers |= {"X-Dataset-User": user_id}
    assert bob.get().status_code == 200


@pytest.mark.parametrize(
    "path", ["docs/datasets.md", "example_project/templates/base.html", CLIENT], ids=["guide", "example", "client"]
)
def test_templates_render_the_user_id_without_separators(settings: Any, path: str | Path) -> None:
    settings.USE_THOUSAND_SEPARATOR = True
    text = (ROOT / path).read_text()
    (expression,) = re.findall(r"\{\{ user\.pk.*?\}\}", text)
    assert "{% load l10n static %}" in text or path == CLIENT
    user = get_user_model()(pk=12345)
    assert Template("{% load l10n %}" + expression).render(Context({"user": user})) == "12345"
