"""Foreign web pages do not reach the local Cognito: Host, Origin and Fetch metadata, over HTTP, on every route."""

import json
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from local_cognito import Emulator
from local_cognito_support.hosted_site import Browser, Page, Site, running_site

FOREIGN_HOSTS = [
    "evil.example", "evil.example:9229", "localhost.evil.example", "evillocalhost", "127.0.0.1.evil.example",
    "127.0.0.1@evil.example", "192.168.1.1", "0.0.0.0", "[::1].evil.example", "localhost:9229,evil.example", "",
    "127.1", "localhost:port", "localhost.", "[::ffff:127.0.0.1]",
]  # fmt: skip
FOREIGN_ORIGINS = [
    "https://evil.example", "http://localhost.evil.example", "http://evil.example:9229", "null", "", "file://",
    "http://localhost@evil.example", "http://localhost:8000/", "http://localhost:8000, http://evil.example",
    "ftp://localhost", "chrome-extension://localhost", "http://LOCALHOST.evil.example", "http://127.0.0.1.nip.io",
    "http://localhost:8000:evil.example", "http://evillocalhost", "//localhost", "localhost",
]  # fmt: skip
LOOPBACK_ORIGINS = [
    "http://localhost:8000", "https://localhost", "http://127.0.0.1:3000", "http://[::1]:5173",
    "http://tenant.localhost:8000",
]  # fmt: skip
FOREIGN_ORIGIN = {"Origin": "https://evil.example"}
NAVIGATION = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
PAGE_RESOURCE = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "script"}
TARGET = {"X-Amz-Target": "AWSCognitoIdentityProviderService.ListUsers"}
# One request of each kind: the API, pages, OAuth, the public documents, local routes, S3, and unknown URLs.
REQUESTS = [
    ("POST", "/"), ("OPTIONS", "/"), ("GET", "/oauth2/authorize"), ("GET", "/login"), ("POST", "/login"),
    ("POST", "/signup"), ("POST", "/forgotPassword"), ("GET", "/logout"), ("GET", "/error"), ("GET", "/mailbox"),
    ("GET", "/login/static/hosted_ui.css"), ("POST", "/oauth2/token"), ("OPTIONS", "/oauth2/token"),
    ("GET", "/oauth2/userInfo"), ("POST", "/oauth2/revoke"), ("GET", "/oauth2/idpresponse"),
    ("GET", "/eu-west-1_First/.well-known/jwks.json"), ("GET", "/eu-west-1_First/.well-known/openid-configuration"),
    ("POST", "/_local/clients/2confidential/secret"), ("GET", "/"), ("GET", "/bucket/key"), ("PUT", "/bucket/key"),
    ("POST", "/moto-api/reset"), ("GET", "/moto-api/data.json"), ("GET", "/nowhere"),
]  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def call(site: Site, method: str, path: str, **headers: str) -> requests.Response:
    return requests.request(method, site.url + path, headers=headers, data="", allow_redirects=False, timeout=30)


def is_refused(answer: requests.Response, header: str) -> bool:
    """Return whether the response is the 403 error that names `header`, without CORS headers."""
    is_json = answer.headers["Content-Type"] == "application/json"
    allows = "Access-Control-Allow-Origin" in answer.headers
    return answer.status_code == 403 and is_json and header in answer.json()["message"] and not allows


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_foreign_host_is_refused_on_every_route(site: Site, method: str, path: str) -> None:
    assert is_refused(call(site, method, path, Host="evil.example", **TARGET), "Host")


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_foreign_origin_is_refused_on_every_route(site: Site, method: str, path: str) -> None:
    assert is_refused(call(site, method, path, **FOREIGN_ORIGIN, **TARGET), "another site")


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_own_host_and_origin_reach_every_route(site: Site, method: str, path: str) -> None:
    for headers in ({}, {"Origin": "http://localhost:8000", "Sec-Fetch-Site": "same-site"}):
        answer = call(site, method, path, **headers)
        assert "another site" not in answer.text
        assert "Host" not in answer.text


@pytest.mark.parametrize("host", FOREIGN_HOSTS)
def test_host_that_is_not_loopback_is_refused(site: Site, host: str) -> None:
    assert is_refused(call(site, "POST", "/", Host=host, **TARGET), "Host")


@pytest.mark.parametrize("host", ["localhost", "LocalHost:9229", "127.0.0.1", "[::1]:9229", "my.bucket-1.localhost:80"])
def test_loopback_host_is_answered(site: Site, host: str) -> None:
    assert call(site, "GET", "/mailbox", Host=host).status_code == 200


@pytest.mark.parametrize("origin", FOREIGN_ORIGINS)
def test_origin_that_is_not_loopback_is_refused(site: Site, origin: str) -> None:
    assert is_refused(call(site, "POST", "/", Origin=origin, **TARGET), "another site")


@pytest.mark.parametrize("origin", LOOPBACK_ORIGINS)
@pytest.mark.parametrize("path", ["/", "/oauth2/token"])
def test_cors_allows_a_loopback_origin(site: Site, path: str, origin: str) -> None:
    preflight_headers = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-amz-target"}
    for answer in (
        call(site, "OPTIONS", path, Origin=origin, **preflight_headers),
        call(site, "POST", path, Origin=origin),
    ):
        assert answer.headers["Access-Control-Allow-Origin"] == origin
        assert "Origin" in answer.headers["Vary"]
        assert "Access-Control-Allow-Credentials" not in answer.headers


def test_client_without_origin_gets_no_cors_header(site: Site) -> None:
    for path in ("/", "/oauth2/token"):
        assert "Access-Control-Allow-Origin" not in call(site, "POST", path).headers


def test_simple_post_of_a_foreign_page_changes_nothing(site: Site) -> None:
    path = "/_local/clients/2confidential/secret"
    body = json.dumps({"secret": "another_secret_of_24_letters"})
    for headers in (FOREIGN_ORIGIN, {"Origin": "null"}, PAGE_RESOURCE):
        simple = {"Content-Type": "text/plain", **headers}
        assert requests.post(site.url + path, data=body, headers=simple, timeout=30).status_code == 403
    raw = site.tokens(site.confidential)["refresh_token"]
    form = {"token": raw, "client_id": site.confidential.id, "client_secret": site.confidential.secret}
    assert requests.post(f"{site.url}/oauth2/revoke", data=form, headers=FOREIGN_ORIGIN, timeout=30).status_code == 403
    form = {**form, "grant_type": "refresh_token", "refresh_token": raw}
    assert requests.post(f"{site.url}/oauth2/token", data=form, timeout=30).status_code == 200


def test_any_site_may_link_to_the_login(site: Site) -> None:
    with Browser(site) as browser:
        browser.headers.update(NAVIGATION)
        browser.authorize()
        browser.headers.update({"Sec-Fetch-Site": "same-origin", "Origin": site.url})
        assert browser.sign_in().headers["Location"].startswith("http://localhost:8000/auth/callback/?code=")


def test_form_of_the_hosted_ui_is_refused_from_a_foreign_page(site: Site) -> None:
    with Browser(site) as browser:
        browser.authorize()
        assert Page(browser.current_response.text).hidden
        browser.headers.update(FOREIGN_ORIGIN)
        assert is_refused(browser.sign_in(), "another site")


def test_pages_let_browsers_name_their_origin(site: Site) -> None:
    # With no-referrer a browser sends `Origin: null` even with the pages' own forms.
    assert call(site, "GET", "/mailbox").headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/mailbox", "/logout", "/oauth2/authorize", "/eu-west-1_First/.well-known/jwks.json"])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
    ],
)
def test_foreign_page_embeds_nothing(site: Site, path: str, changes: dict[str, str]) -> None:
    assert is_refused(call(site, "GET", path, **{**PAGE_RESOURCE, **changes}), "another site")


@pytest.mark.parametrize("query", ["X-Amz-Signature=1", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=1"])
@pytest.mark.parametrize("service", ["", "s3", "cognito-idp"])
def test_query_of_a_presigned_url_opens_no_other_route(site: Site, query: str, service: str) -> None:
    credential = f"&X-Amz-Credential=x/20260101/eu-west-1/{service}/aws4_request&X-Amz-Date=20260101T000000Z"
    answer = call(site, "GET", f"/mailbox?{query}{credential if service else ''}", **PAGE_RESOURCE)
    if service == "s3" and "Algorithm" in query:  # S3 answers: the signature is wrong
        assert (answer.status_code, b"InvalidAccessKeyId" in answer.content) == (403, True)
    else:
        assert is_refused(answer, "another site")


def test_cross_site_post_without_origin_is_refused(site: Site) -> None:
    assert is_refused(call(site, "POST", "/logout", **NAVIGATION), "another site")


def test_presigned_url_is_answered_on_any_site() -> None:
    with Emulator() as emulator:
        s3 = _s3(emulator)
        s3.create_bucket(Bucket="pictures")
        s3.put_object(Bucket="pictures", Key="a.png", Body=b"a picture")
        url = s3.generate_presigned_url("get_object", Params={"Bucket": "pictures", "Key": "a.png"})
        assert requests.get(url, headers=PAGE_RESOURCE, timeout=30).content == b"a picture"
        assert requests.get(url, headers=FOREIGN_ORIGIN, timeout=30).status_code == 403
        assert requests.put(url, headers=PAGE_RESOURCE, timeout=30).status_code == 403


def _s3(emulator: Emulator) -> Any:
    key = emulator.admin_credentials
    return boto3.client(
        "s3",
        endpoint_url=emulator.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key.id,
        aws_secret_access_key=key.secret,
        config=Config(signature_version="s3v4"),
    )
