"""Test the files pages: upload, download, deletion and requests that AWS denies."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import boto3
import pytest

from demo.ports import find_free_port
from demo.stack import Stack
from files import limits
from journey.browser import Browser
from journey.page import Page

SignIn = Callable[[str], Browser]


@pytest.fixture
def bucket(stack: Stack) -> Any:
    """Return the bucket with the administrator's keys."""
    account = stack.account
    keys = {"aws_access_key_id": account.admin_key_id, "aws_secret_access_key": account.admin_secret}
    return boto3.resource("s3", endpoint_url=stack.cognito, region_name="eu-west-1", **keys).Bucket(account.bucket)


@pytest.fixture(scope="module")
def start_site(stack: Stack) -> Callable[..., str]:
    """Return a function that starts the site with other environment variables and returns its origin."""

    def start_with(**changes: str) -> str:
        port = find_free_port(0)
        stack.start_server(f"site {port}", port, {**stack.build_environment(), **changes})
        return f"http://localhost:{port}"

    return start_with


def _upload(stack: Stack, browser: Browser, name: str, content: bytes = b"two swifts") -> Page:
    return browser.upload(browser.open(f"{stack.site}/files/"), "file", name, content)


def _get_identity(stack: Stack, browser: Browser) -> str:
    return browser.open(f"{stack.site}/files/").get_codes("my-identity")[0]


def _build_name(extension: str = "txt") -> str:
    return f"{token_hex(6)}.{extension}"


def _get_status_and_code(page: Page) -> tuple[int, list[str]]:
    return page.status, page.get_codes("aws-error")


def test_anonymous_files_page_redirects_to_sign_in(stack: Stack) -> None:
    for path in ("", "mine/a.txt/", "mine/a.txt/delete/", "other-user/"):
        assert "/oauth2/authorize" in "".join(Browser().open(f"{stack.site}/files/{path}").visited), path


def test_uploaded_file_is_listed_and_stored_under_the_identity(stack: Stack, sign_in: SignIn, bucket: Any) -> None:
    alice, name = sign_in("alice"), _build_name()
    page = _upload(stack, alice, name)
    assert f"“{name}” was uploaded." in page.text
    assert f"{name} 10 bytes," in page.text
    stored = bucket.Object(f"{_get_identity(stack, alice)}/{name}").get()
    assert (stored["Body"].read(), stored["ContentType"]) == (b"two swifts", "text/plain")


def test_download_is_an_attachment_with_safe_headers(stack: Stack, sign_in: SignIn) -> None:
    alice, name = sign_in("alice"), f"Mönch & <b>swift</b> {_build_name('md')}".replace("/", "")
    _upload(stack, alice, name)
    response = alice.download(f"{stack.site}/files/mine/{name}/")
    headers = response.headers
    assert (response.status_code, response.content) == (200, b"two swifts")
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_deleted_file_is_not_found(stack: Stack, sign_in: SignIn) -> None:
    alice, name = sign_in("alice"), _build_name()
    _upload(stack, alice, name)
    page = alice.open(f"{stack.site}/files/mine/{name}/delete/")
    assert "This cannot be undone." in page.text
    page = alice.submit(page, page.get_form(action="/delete/"))
    assert f"“{name}” was deleted." in page.text
    assert alice.download(f"{stack.site}/files/mine/{name}/").status_code == 404


def test_file_with_the_same_name_is_not_replaced(stack: Stack, sign_in: SignIn) -> None:
    alice, name = sign_in("alice"), _build_name()
    _upload(stack, alice, name)
    assert "You have a file with this name." in _upload(stack, alice, name, b"another").text
    assert alice.download(f"{stack.site}/files/mine/{name}/").content == b"two swifts"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.html", b"<script>alert(1)</script>", "File extension “html” is not allowed."),
        ("drawing.svg", b"<svg/>", "File extension “svg” is not allowed."),
        ("no-extension", b"x", "File extension “” is not allowed."),
        ("empty.txt", b"", "The submitted file is empty."),
        (f"{'n' * 130}.txt", b"x", "Use a shorter file name"),
        ("large.txt", bytes(limits.MAX_BYTES + 1), "This file is larger than 10.0"),
    ],
)
def test_invalid_upload_is_rejected_with_a_reason(
    stack: Stack, sign_in: SignIn, name: str, content: bytes, reason: str
) -> None:
    page = _upload(stack, sign_in("alice"), name, content)
    assert page.status == 200
    assert reason in page.text


def test_file_of_maximum_size_is_accepted(stack: Stack, sign_in: SignIn) -> None:
    alice, name = sign_in("alice"), _build_name()
    _upload(stack, alice, name, bytes(limits.MAX_BYTES))
    assert len(alice.download(f"{stack.site}/files/mine/{name}/").content) == limits.MAX_BYTES


def test_upload_handler_discards_chunks_beyond_the_limit() -> None:
    handler, chunk, size = limits.SizeLimitUploadHandler(), bytes(64 * 1024), 0
    for _ in range(500):
        size += len(handler.receive_data_chunk(chunk, size) or b"")
    assert limits.MAX_BYTES < size <= limits.MAX_BYTES + len(chunk)


def test_file_list_is_paginated(stack: Stack, sign_in: SignIn, bucket: Any) -> None:
    carol = sign_in("carol")
    identity = _get_identity(stack, carol)
    for number in range(53):
        bucket.Object(f"{identity}/page {number:02}.txt").put(Body=b"x")
    first = carol.open(f"{stack.site}/files/")
    assert "page 49.txt" in first.text
    assert "page 50.txt" not in first.text
    second = carol.open(f"{stack.site}/files/?after=page%2049.txt")
    assert "page 49.txt" not in second.text
    assert "page 52.txt" in second.text
    assert "First page" in second.text


@pytest.mark.parametrize(
    "path", ["{file}", "..%2F{identity}%2F{file}", "%2E%2E/{identity}/{file}", "{identity}/{file}", "%5C", "%00"]
)
def test_no_download_url_reaches_a_file_of_another_user(stack: Stack, sign_in: SignIn, bucket: Any, path: str) -> None:
    identity, file = _get_identity(stack, sign_in("bob")), _build_name()
    bucket.Object(f"{identity}/{file}").put(Body=b"bob's")
    path = path.format(identity=identity, file=file)
    response = sign_in("alice").download(f"{stack.site}/files/mine/{path}/")
    assert response.status_code == 404
    assert b"bob's" not in response.content


def test_aws_denies_files_of_another_user(stack: Stack, sign_in: SignIn) -> None:
    identity = _get_identity(stack, sign_in("bob"))
    page = sign_in("alice").open(f"{stack.site}/files/other-user/?identity={identity}")
    assert page.get_codes("aws-results") == ["AccessDenied", "AccessDenied"]
    assert "Your IAM role does not allow you to" in page.text


def test_aws_allows_own_files(stack: Stack, sign_in: SignIn) -> None:
    alice = sign_in("alice")
    page = alice.open(f"{stack.site}/files/other-user/?identity={_get_identity(stack, alice)}")
    assert "May I list their files? Yes." in page.text


def test_invalid_identity_sends_no_request_to_aws(stack: Stack, sign_in: SignIn) -> None:
    page = sign_in("alice").open(f"{stack.site}/files/other-user/?identity=../bob")
    assert "An identity id looks like" in page.text
    assert page.get_codes("aws-results") == []


def test_viewer_downloads_and_may_not_upload_or_delete(stack: Stack, sign_in: SignIn, bucket: Any) -> None:
    bob, name = sign_in("bob"), _build_name()
    bucket.Object(f"{_get_identity(stack, bob)}/{name}").put(Body=b"stored")
    assert bob.download(f"{stack.site}/files/mine/{name}/").content == b"stored"
    page = _upload(stack, bob, _build_name())
    assert _get_status_and_code(page) == (403, ["AccessDenied"])
    assert "Your IAM role does not allow you to store a file" in page.text
    confirm_page = bob.open(f"{stack.site}/files/mine/{name}/delete/")
    delete_page = bob.submit(confirm_page, confirm_page.get_form(action="/delete/"))
    assert _get_status_and_code(delete_page) == (403, ["AccessDenied"])
    assert bob.download(f"{stack.site}/files/mine/{name}/").status_code == 200


def test_site_without_identity_pool_works_without_files(sign_in: SignIn, start_site: Callable[..., str]) -> None:
    site, alice = start_site(COGNITO_IDENTITY_POOL_ID=""), sign_in("alice")
    page = alice.open(f"{site}/files/")
    assert page.status == 404
    assert "File storage is not configured" in page.text
    assert alice.open(f"{site}/notes/1/photo/edit/").status == 404
    assert alice.open(f"{site}/notes/1/").status == 200
    response = alice.download(f"{site}/api/files/?format=json")
    assert (response.status_code, response.json()["code"]) == (404, "files_not_configured")


def test_unreachable_aws_returns_503_with_retry_after(
    sign_in: SignIn, start_site: Callable[..., str], unreachable: str
) -> None:
    site = start_site(AWS_ENDPOINT_URL=unreachable)
    response = sign_in("alice").download(f"{site}/files/")
    page = Page("", response.status_code, response.text)
    assert _get_status_and_code(page) == (503, ["cognito_unavailable"])
    assert "Try again in a moment." in page.text
    assert response.headers["Retry-After"] == "5"
