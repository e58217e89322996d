"""The Content-Security-Policy of pages: form targets, scripts and styles."""

import pytest
from local_cognito.pages.page import content_security_policy


@pytest.mark.parametrize(
    ("redirect_uri", "form_action"),
    [
        ("", "'self'"),
        ("http://localhost:8000/auth/callback/?a=b", "'self' http://localhost:8000"),
        ("https://app.example.com/callback", "'self' https://app.example.com"),
        ("http://[::1]:8000/callback", "'self' http:"),  # CSP has no syntax for IPv6 addresses
        ("myapp://callback", "'self' myapp:"),
        ("https://user:pass@app.example.com/", "'self' https:"),
        ("https://app.example.com;script-src */", "'self' https:"),
    ],
)
def test_form_action_allows_self_and_the_redirect_uri(redirect_uri: str, form_action: str) -> None:
    assert f"form-action {form_action};" in content_security_policy(redirect_uri)


def test_csp_allows_no_scripts_and_no_foreign_styles() -> None:
    policy = dict(part.split(" ", 1) for part in content_security_policy().split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["style-src"] == "'self'"
    assert "script-src" not in policy
