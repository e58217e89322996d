"""Where a page's forms may lead, in the words of its Content-Security-Policy."""

import pytest
from local_cognito.pages.page import content_security_policy


@pytest.mark.parametrize(
    ("leads_to", "form_action"),
    [
        ("", "'self'"),
        ("http://localhost:8000/auth/callback/?a=b", "'self' http://localhost:8000"),
        ("https://app.example.com/callback", "'self' https://app.example.com"),
        ("http://[::1]:8000/callback", "'self' http:"),  # CSP has no words for IPv6 addresses
        ("myapp://callback", "'self' myapp:"),
        ("https://user:pass@app.example.com/", "'self' https:"),
        ("https://app.example.com;script-src */", "'self' https:"),
    ],
)
def test_a_form_leads_to_its_own_origin_and_to_the_apps(leads_to: str, form_action: str) -> None:
    assert f"form-action {form_action};" in content_security_policy(leads_to)


def test_a_page_runs_no_script_and_loads_nothing_from_elsewhere() -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy().split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert "script-src" not in policy
