"""Other addresses than 127.0.0.1, and the public URL: which are allowed, where it occurs, which Hosts it opens."""

from collections.abc import Iterator

import boto3
import pytest
import requests
from botocore.config import Config
from local_cognito import Emulator
from local_cognito.urls import build_public_url, is_loopback_address, normalize_public_url
from local_cognito_support.hosted_site import PASSWORD, Page

POOL_ID = "eu-west-1_Remote123"
CALLBACK = "http://localhost:8000/auth/callback/"
SEED = {
    "pools": [
        {
            "id": POOL_ID,
            "clients": [{"id": "1web", "callback_urls": [CALLBACK]}],
            "users": [{"username": "alice", "password": PASSWORD}],
        }
    ]
}
PUBLIC_URL = "http://cognito:9229"
QUERY = {"client_id": "1web", "response_type": "code", "redirect_uri": CALLBACK}


@pytest.fixture(scope="module")
def emulator() -> Iterator[Emulator]:
    with Emulator(seed=SEED, host="0.0.0.0", allow_remote=True, public_url=PUBLIC_URL) as running:
        yield running


def call(emulator: Emulator, path: str, method: str = "GET", **headers: str) -> requests.Response:
    url = f"http://127.0.0.1:{emulator.port}{path}"
    return requests.request(method, url, headers=headers, allow_redirects=False, timeout=30)


@pytest.mark.parametrize("host", ["0.0.0.0", "", "::", "192.0.2.7", "cognito", "localhost.evil.example"])
def test_address_that_others_reach_is_refused_without_permission(host: str) -> None:
    with pytest.raises(ValueError, match="every computer that reaches this port can read passwords"):
        Emulator(seed=SEED, host=host)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.0.0.2"])
def test_loopback_address_needs_no_permission(host: str) -> None:
    Emulator(seed=SEED, host=host).stop()


@pytest.mark.parametrize(
    ("host", "is_loopback"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False)],
)
def test_unspecified_address_is_not_loopback(host: str, is_loopback: bool) -> None:
    assert is_loopback_address(host) is is_loopback


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://localhost:9229"),
        ("0.0.0.0", "http://localhost:9229"),
        ("::1", "http://localhost:9229"),
        ("192.0.2.7", "http://192.0.2.7:9229"),
        ("2001:db8::7", "http://[2001:db8::7]:9229"),
        ("Cognito", "http://cognito:9229"),
    ],
)
def test_default_url_has_localhost_if_that_reaches_the_server(host: str, url: str) -> None:
    assert build_public_url(host, 9229) == url


@pytest.mark.parametrize("url", ["http://Cognito:9229/", " http://cognito:9229"])
def test_public_url_is_an_origin_in_lower_case(url: str) -> None:
    assert normalize_public_url(url) == PUBLIC_URL


@pytest.mark.parametrize(
    "url",
    [
        "cognito:9229",
        "ftp://cognito",
        "http://",
        "http://cognito/path",
        "http://a@cognito",
        "http://cognito?a=b",
        "http://cognito:0",
    ],
)
def test_public_url_that_is_no_origin_is_an_error(url: str) -> None:
    with pytest.raises(ValueError, match=r"like http://cognito\.localhost:9229, without a path"):
        Emulator(seed=SEED, public_url=url)


def test_all_urls_contain_the_public_url(emulator: Emulator) -> None:
    discovery = call(emulator, f"/{POOL_ID}/.well-known/openid-configuration", Host="cognito:9229").json()
    urls = [value for name, value in discovery.items() if name == "issuer" or name.endswith(("_uri", "_endpoint"))]
    assert len(urls) == 7
    assert all(url.startswith(f"{PUBLIC_URL}/") for url in urls)
    assert emulator.url == emulator.domain == emulator.endpoint_url == PUBLIC_URL
    assert emulator.issuer(POOL_ID) == f"{PUBLIC_URL}/{POOL_ID}"


@pytest.mark.parametrize("host", ["cognito:9229", "COGNITO:9229", "localhost:9229"])
def test_public_host_and_loopback_hosts_are_answered(emulator: Emulator, host: str) -> None:
    assert PASSWORD in call(emulator, "/", Host=host).text


@pytest.mark.parametrize(
    "host", ["cognito", "cognito:80", "cognito:9229.evil.example", "x.cognito:9229", "0.0.0.0:9229", "evil.example"]
)
def test_other_host_is_refused_although_the_address_is_remote(emulator: Emulator, host: str) -> None:
    answer = call(emulator, "/", Host=host)
    assert answer.status_code == 403
    assert PASSWORD not in answer.text


def test_login_form_of_the_public_url_is_accepted(emulator: Emulator) -> None:
    with requests.Session() as browser:
        login = f"http://127.0.0.1:{emulator.port}/login"
        headers = {"Host": "cognito:9229"}
        form = Page(browser.get(login, params=QUERY, headers=headers, timeout=30).text)
        fields = {**form.hidden, "username": "alice", "password": PASSWORD}
        headers["Origin"] = PUBLIC_URL
        url = f"http://127.0.0.1:{emulator.port}{form.action}"
        answer = browser.post(url, data=fields, headers=headers, allow_redirects=False, timeout=30)
    assert answer.headers["Location"].startswith(f"{CALLBACK}?code=")


@pytest.mark.parametrize("origin", ["http://cognito", "https://cognito:9229", "http://cognito.evil.example:9229"])
def test_similar_origin_is_refused(emulator: Emulator, origin: str) -> None:
    answer = call(emulator, "/login", "POST", Host="cognito:9229", Origin=origin)
    assert (answer.status_code, "A web page of another site" in answer.text) == (403, True)


@pytest.mark.parametrize("public_url", ["http://cognito:9229", "http://cognito.localhost:9229"])
def test_s3_at_the_public_url_has_the_bucket_in_the_path(public_url: str) -> None:
    with Emulator(seed={**SEED, "buckets": ["files"]}, public_url=public_url) as emulator:
        key = emulator.admin_credentials
        options = {"aws_access_key_id": key.id, "aws_secret_access_key": key.secret, "region_name": "eu-west-1"}
        config = Config(signature_version="s3v4")
        s3 = boto3.client("s3", endpoint_url=emulator.endpoint_url, config=config, **options)
        path = s3.generate_presigned_url("put_object", Params={"Bucket": "files", "Key": "a"}).removeprefix(public_url)
        assert path.startswith("/files/a?")
        host = public_url.removeprefix("http://")
        assert call(emulator, path, "PUT", Host=host).status_code == 200
