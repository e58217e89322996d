"""URLs of a pool that can be recognized as wrong: of another pool or region, or a DOMAIN that is no hosted UI."""

from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from django_cognito.conf.loading import get_settings
from django_cognito.conf.validation import Problem, find_problems

POOL = "eu-west-1_AbCdEfGhI"
REQUIRED = {"USER_POOL_ID": POOL, "CLIENT_ID": "1example23456789"}
AWS = "https://cognito-idp.eu-west-1.amazonaws.com"
DOMAIN_MISTAKE = (
    'DOMAIN with a path; a prefix alone ("fieldnotes"); `cognito-idp...` host; `localhost:9229` without scheme'
)


def find_one(**changes: Any) -> Problem:
    (problem,) = find_problems({**REQUIRED, **changes})
    return problem


@pytest.mark.mistake("pool id and ISSUER name different pools or regions", by="check")
@pytest.mark.parametrize(
    ("key", "value", "other"),
    [
        ("ISSUER", f"{AWS}/eu-west-1_Another", "eu-west-1_Another"),
        ("ISSUER", "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_AbCdEfGhI", "us-east-1"),
        ("ISSUER", "https://issuer-cognito-idp.us-east-1.amazonaws.com/eu-west-1_AbCdEfGhI", "us-east-1"),
        ("ISSUER", [f"{AWS}/{POOL}", f"{AWS}/eu-west-1_Another"], "eu-west-1_Another"),
        ("ISSUER", "http://localhost:9229/eu-west-1_LocalPool", "eu-west-1_LocalPool"),
        ("ISSUER", "https://auth.example.com/eu-west-1_Another/v2", "eu-west-1_Another"),
        ("JWKS_URI", f"{AWS}/eu-west-1_Another/.well-known/jwks.json", "eu-west-1_Another"),
        ("ENDPOINT_URL", "https://cognito-idp.us-east-1.amazonaws.com", "us-east-1"),
        ("ENDPOINT_URL", "https://vpce-1a2b.cognito-idp.us-east-1.vpce.amazonaws.com", "us-east-1"),
        ("ENDPOINT_URL", "https://cognito-idp-fips.us-east-1.amazonaws.com", "us-east-1"),
        ("LOGINS_KEY", "cognito-idp.eu-west-1.amazonaws.com/eu-west-1_Another", "eu-west-1_Another"),
    ],
)
def test_url_of_another_pool_or_region_is_a_problem(key: str, value: Any, other: str) -> None:
    problem = find_one(**{key: value})
    assert problem.id == "django_cognito.E022"
    assert problem.message.startswith(f"COGNITO[{key!r}] is ")
    assert other in problem.message
    assert repr(POOL) in problem.message
    assert f"Correct USER_POOL_ID or {key}" in problem.hint


@pytest.mark.parametrize(
    "changes",
    [
        {"ISSUER": [f"{AWS}/{POOL}", f"https://issuer-cognito-idp.eu-west-1.amazonaws.com/{POOL}"]},
        {"ISSUER": f"http://localhost:9229/{POOL}"},
        {"ISSUER": "https://auth.example.com"},
        {"JWKS_URI": "https://keys.example.com/jwks.json"},
        {"ENDPOINT_URL": "https://vpce-1a2b.cognito-idp.eu-west-1.vpce.amazonaws.com"},
        {"LOGINS_KEY": "login.example.com"},
        {"USER_POOL_ID": "cn-north-1_AbCdEfGhI"},
        {"USER_POOL_ID": "eusc-de-east-1_AbCdEfGhI"},
        {"DOMAIN": "notes.auth.eu-west-1.amazoncognito.com"},
        {"DOMAIN": "notes.auth-fips.us-gov-west-1.amazoncognito.com", "USER_POOL_ID": "us-gov-west-1_AbCdEfGhI"},
        {"DOMAIN": "https://login.example.com"},
        {"DOMAIN": "https://cognito"},
        {"DOMAIN": "http://localhost:9229"},
        {"DOMAIN": "login.example.com:8443"},
    ],
)
def test_url_of_this_pool_or_of_no_pool_is_accepted(changes: dict[str, Any]) -> None:
    assert find_problems({**REQUIRED, **changes}) == []


def test_token_of_another_pool_is_never_accepted_by_an_issuer(settings: Any) -> None:
    settings.COGNITO = {**REQUIRED, "ISSUER": f"{AWS}/eu-west-1_Another"}
    with pytest.raises(ImproperlyConfigured, match="eu-west-1_Another"):
        get_settings()


def test_url_problem_of_an_alias_names_the_alias() -> None:
    pools = {"acme": REQUIRED, "zen": {**REQUIRED, "CLIENT_ID": "1zen", "DOMAIN": "fieldnotes"}}
    (problem,) = find_problems({"POOLS": pools})
    assert problem.message.startswith("COGNITO['POOLS']['zen']['DOMAIN'] is 'fieldnotes', ")


@pytest.mark.mistake(DOMAIN_MISTAKE, by="check")
@pytest.mark.parametrize(
    ("domain", "reason", "next_step"),
    [
        ("fieldnotes", "the prefix of a domain alone", "'fieldnotes.auth.eu-west-1.amazoncognito.com'"),
        ("localhost:9229", "without a scheme", "Write 'http://localhost:9229'"),
        ("localhost", "without a scheme", "Write 'http://localhost'"),
        ("127.0.0.1:9229", "without a scheme", "Write 'http://127.0.0.1:9229'"),
        ("cognito:9229", "without a scheme", "Write 'http://cognito:9229'"),
        ("cognito-idp.eu-west-1.amazonaws.com", "the host of the API", "The AWS console shows the domain"),
        ("https://cognito-idp.eu-west-1.amazonaws.com", "the host of the API", "The AWS console shows the domain"),
        ("notes.auth.us-east-1.amazoncognito.com", "of the region us-east-1", "The AWS console shows the domain"),
    ],
)
def test_domain_that_is_no_hosted_ui_is_a_problem(domain: str, reason: str, next_step: str) -> None:
    problem = find_one(DOMAIN=domain)
    assert problem.id == "django_cognito.E023"
    assert problem.message.startswith(f"COGNITO['DOMAIN'] is {domain!r}, ")
    assert reason in problem.message
    assert "expected the hosted UI's host (login.example.com)" in problem.message
    assert next_step in problem.hint


@pytest.mark.mistake(DOMAIN_MISTAKE, by="check")
def test_domain_with_a_path_is_a_problem() -> None:
    problem = find_one(DOMAIN="https://login.example.com/oauth2")
    assert "domain is a host or an origin, without a path" in problem.message
