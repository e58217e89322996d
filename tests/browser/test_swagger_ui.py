"""Swagger UI in a real Chromium: "Authorize" signs in at the hosted UI, and "Execute" calls the API with the token."""

from collections.abc import Iterator
from typing import Any

import pytest
from local_cognito import Emulator
from local_cognito_support.hosted_site import PASSWORD
from playwright.sync_api import Browser, expect

from django_cognito import factories
from tests.support.local_cognito import SCOPES, seed_for, settings_for
from tests.support.page_object import sign_in
from tests.support.watched_browser import Watch

pytestmark = [
    pytest.mark.needs("chromium"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.contrib.spectacular_site"),
]


@pytest.fixture
def docs_cognito(live_server: Any, settings: Any) -> Iterator[Emulator]:
    """Yield a local Cognito with a public app client for the Swagger UI of the site, which accepts its tokens."""
    settings.INSTALLED_APPS = [*settings.INSTALLED_APPS, "drf_spectacular", "drf_spectacular_sidecar"]
    auto_schema = "django_cognito.contrib.spectacular.auto_schema.CognitoAutoSchema"
    settings.REST_FRAMEWORK = {**settings.REST_FRAMEWORK, "DEFAULT_SCHEMA_CLASS": auto_schema}
    seed = seed_for(live_server.url)
    redirect_page = f"{live_server.url}/docs/oauth2-redirect.html"
    docs_client = {"id": "6docs", "callback_urls": [redirect_page], "scopes": [*SCOPES, "orders/read", "orders/write"]}
    seed["pools"][0]["clients"].append(docs_client)
    seed["pools"][0]["resource_servers"] = [{"identifier": "orders", "scopes": ["read", "write"]}]
    with Emulator(seed=seed) as cognito:
        accepted = ["2confidential", "6docs"]
        settings.COGNITO = settings_for(cognito, "2confidential", CLIENT_IDS=accepted, DOCS_CLIENT_ID="6docs")
        yield cognito
        factories.discard_instances()


def test_swagger_ui_signs_in_and_calls_the_api(chromium: Browser, live_server: Any, docs_cognito: Emulator) -> None:
    watch = Watch(chromium.new_context(), origins={live_server.url, docs_cognito.url}, others=set())
    page = watch.context.new_page()
    page.goto(f"{live_server.url}/docs/")
    page.get_by_role("button", name="Authorize").first.click()
    dialog = page.locator(".auth-container", has_text="cognitoOAuth2")
    expect(dialog).to_contain_text("authorizationCode with PKCE")
    dialog.get_by_text("orders/read").click()
    dialog.get_by_text("orders/write").click()
    with watch.context.expect_page() as opened:
        dialog.locator("button.authorize").click()
    sign_in(opened.value, "alice", PASSWORD)
    expect(dialog).to_contain_text("Authorized")
    dialog.get_by_role("button", name="Close").click()
    operation = page.locator(".opblock", has_text="/api/order/")
    operation.locator(".opblock-summary-control").click()
    operation.get_by_role("button", name="Try it out").click()
    operation.get_by_role("button", name="Execute").click()
    response = operation.locator(".live-responses-table tr.response")
    expect(response.locator(".response-col_status")).to_have_text("200")
    expect(response).to_contain_text("alice")
    problems = watch.problems()
    watch.context.close()
    assert problems == []
