"""The browsable API without `rest_framework` in INSTALLED_APPS: what the documentation describes."""

from typing import Any

import pytest
from django.template import TemplateDoesNotExist
from django.test import Client, override_settings
from django.urls import path
from rest_framework.response import Response
from rest_framework.views import APIView

from tests.support import source


class Open(APIView):
    """A view for everyone."""

    authentication_classes: list[Any] = []
    permission_classes: list[Any] = []

    def get(self, request: Any) -> Response:
        return Response({"open": True})


urlpatterns = [path("api/", Open.as_view())]


@pytest.mark.urls("tests.drf.test_browsable_api")
@pytest.mark.mistake("`rest_framework` not in INSTALLED_APPS with the browsable API", by="documentation")
def test_browsable_api_needs_the_app_as_documented(settings: Any, client: Client) -> None:
    page = (source.PROJECT_DIRECTORY / "docs" / "django-rest-framework.md").read_text(encoding="utf-8")
    assert "Add `rest_framework` to `INSTALLED_APPS`: without it, the browsable API fails with" in page
    assert "`TemplateDoesNotExist: rest_framework/api.html`" in page
    with override_settings(INSTALLED_APPS=[name for name in settings.INSTALLED_APPS if name != "rest_framework"]):
        assert client.get("/api/").json() == {"open": True}
        with pytest.raises(TemplateDoesNotExist, match=r"rest_framework/api\.html"):
            client.get("/api/", headers={"accept": "text/html"})
