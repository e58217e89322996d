"""The index page at `/`: its contents over HTTP, and that no web site can read the passwords on it."""

import re
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests
from botocore.config import Config
from local_cognito import Emulator
from local_cognito_support.codes import latest_code
from local_cognito_support.hosted_site import CALLBACK, LOGOUT_URI, PASSWORD, Site, running_site

POOL_ID = "eu-west-1_First"


@pytest.fixture
def site() -> Iterator[Site]:
    with running_site() as site:
        yield site


def get(site: Site, **headers: str) -> requests.Response:
    return requests.get(f"{site.url}/", headers=headers, timeout=30)


def entry(text: str, name: str) -> str:
    """Return the HTML of the entry of a user or app client."""
    match = re.search(rf"<strong>{name}</strong>.*?</li>", text, re.DOTALL)
    assert match is not None, name
    return match[0]


def test_index_has_pools_and_links_to_their_documents(site: Site) -> None:
    answer = get(site)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert f"<code>{site.url}/{POOL_ID}</code>" in answer.text  # the issuer
    for path in re.findall(r'href="(/[^"]+)"', answer.text):
        assert requests.get(site.url + path, timeout=30).status_code == 200
    assert f"/{POOL_ID}/.well-known/jwks.json" in answer.text
    assert f"/{POOL_ID}/.well-known/openid-configuration" in answer.text
    assert 'href="/mailbox"' in answer.text


def test_index_loads_nothing_from_other_hosts(site: Site) -> None:
    text = get(site).text
    assert re.findall(r'(?:src|<link[^>]* href)="(?!/login/static/)', text) == []


def test_index_has_clients_with_type_and_registered_urls(site: Site) -> None:
    text = get(site).text
    for expected in ("1public", "2confidential", "3otherpool", CALLBACK, LOGOUT_URI, "aws.cognito.signin.user.admin"):
        assert f"<code>{expected}</code>" in text
    for kind in ("public", "confidential"):
        assert f"<dd>{kind}</dd>" in text


def test_index_shows_no_client_secret(site: Site) -> None:
    assert site.confidential.secret is not None
    assert site.confidential.secret not in get(site).text


def test_index_has_users_with_status_and_password(site: Site) -> None:
    text = get(site).text
    assert f"<code>{PASSWORD}</code>" in entry(text, "alice")
    assert "alice@example.com" in entry(text, "alice")
    assert "FORCE_CHANGE_PASSWORD" in entry(text, "nina")


def test_index_shows_the_current_totp_code_of_a_user(site: Site) -> None:
    assert f"<code>{site.totp_code()}</code> (for 10 more seconds)" in entry(get(site).text, "dave")
    assert "TOTP" not in entry(get(site).text, "alice")


def test_index_does_not_show_a_password_that_a_user_chose(site: Site) -> None:
    alice = site.service.find_user_by_sub(POOL_ID, site.user("alice").id)
    assert alice is not None
    site.service.set_password(alice, "Chosen-by-alice-1")
    assert "not in the seed" in entry(get(site).text, "alice")
    assert "Chosen-by-alice-1" not in get(site).text


def test_index_has_messages_with_codes_and_escapes_names(site: Site) -> None:
    username = "<b>nora</b>"
    site.service.sign_ups.register(site.public, username, PASSWORD, {"email": "nora@example.com"})
    text = get(site).text
    assert f'<code class="code">{latest_code(site.service.mailbox, username)}</code>' in text
    assert username not in text
    assert "&lt;b&gt;nora&lt;/b&gt;" in text


def test_index_lists_at_most_200_users_of_a_pool() -> None:
    users = [{"username": f"user-{number}"} for number in range(202)]
    with Emulator(seed={"pools": [{"id": POOL_ID, "users": users}]}) as emulator:
        text = requests.get(f"{emulator.url}/", timeout=30).text
    assert "<strong>user-199</strong>" in text
    assert "<strong>user-200</strong>" not in text
    assert "And 2 more." in text


@pytest.mark.parametrize("host", ["evil.example", "0.0.0.0", "localhost.evil.example:9229", ""])
def test_rebound_domain_reads_no_password(site: Site, host: str) -> None:
    answer = get(site, Host=host)
    assert answer.status_code == 403
    assert PASSWORD not in answer.text


@pytest.mark.parametrize("path", ["/", "/mailbox"])
@pytest.mark.parametrize("origin", ["http://localhost:3000", "https://evil.example", "null"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_page_of_another_origin_cannot_read_passwords(site: Site, path: str, origin: str, method: str) -> None:
    answer = requests.request(method, site.url + path, headers={"Origin": origin}, timeout=30)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_index_is_not_cached_and_not_framed(site: Site) -> None:
    headers = get(site).headers
    assert (headers["Cache-Control"], headers["X-Frame-Options"]) == ("no-store", "DENY")
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]


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


def test_signed_request_to_the_same_path_lists_buckets() -> None:
    with Emulator() as emulator:
        s3 = _s3(emulator)
        assert [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]] == ["local-files"]
        presigned = requests.get(s3.generate_presigned_url("list_buckets"), timeout=30)
    assert "<Name>local-files</Name>" in presigned.text
    assert "Alice-local-1" not in presigned.text
