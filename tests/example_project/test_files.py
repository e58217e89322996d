"""My files: what a person keeps in S3, and what AWS says to those who ask for more."""

from collections.abc import Callable
from secrets import token_hex
from typing import Any

import boto3
import pytest

from demo.ports import free_port
from demo.stack import Stack
from files import limits
from journey.browser import Browser
from journey.page import Page

SignedIn = Callable[[str], Browser]


@pytest.fixture
def bucket(stack: Stack) -> Any:
    """The whole bucket, by the key of the one who may do everything."""
    account = stack.account
    keys = {"aws_access_key_id": account.admin_key_id, "aws_secret_access_key": account.admin_secret}
    return boto3.resource("s3", endpoint_url=stack.cognito, region_name="eu-west-1", **keys).Bucket(account.bucket)


@pytest.fixture(scope="module")
def site_with(stack: Stack) -> Callable[..., str]:
    """`site_with(AWS_ENDPOINT_URL=...)` is the origin of the same site, told something else."""

    def start(**changes: str) -> str:
        port = free_port(0)
        stack.serve(f"site {port}", port, {**stack.environment(), **changes})
        return f"http://localhost:{port}"

    return start


def _upload(stack: Stack, browser: Browser, name: str, content: bytes = b"two swifts") -> Page:
    return browser.upload(browser.open(f"{stack.site}/files/"), "file", name, content)


def _identity(stack: Stack, browser: Browser) -> str:
    return browser.open(f"{stack.site}/files/").code_in("my-identity")[0]


def _name(ending: str = "txt") -> str:
    return f"{token_hex(6)}.{ending}"


def _refusal(page: Page) -> tuple[int, list[str]]:
    return page.status, page.code_in("refusal")


def test_a_visitor_is_asked_to_sign_in(stack: Stack) -> None:
    for path in ("", "mine/a.txt/", "mine/a.txt/delete/", "other-user/"):
        assert "/oauth2/authorize" in "".join(Browser().open(f"{stack.site}/files/{path}").visited), path


def test_a_file_is_listed_with_its_size_and_lies_under_its_owner_s_identity(
    stack: Stack, signed_in: SignedIn, bucket: Any
) -> None:
    alice, name = signed_in("alice"), _name()
    page = _upload(stack, alice, name)
    assert f"“{name}” is among your files." in page.text
    assert f"{name} 10 bytes," in page.text
    stored = bucket.Object(f"{_identity(stack, alice)}/{name}").get()
    assert (stored["Body"].read(), stored["ContentType"]) == (b"two swifts", "text/plain")


def test_a_download_is_kept_and_never_shown(stack: Stack, signed_in: SignedIn) -> None:
    alice, name = signed_in("alice"), f"Mönch & <b>swift</b> {_name('md')}".replace("/", "")
    _upload(stack, alice, name)
    answer = alice.download(f"{stack.site}/files/mine/{name}/")
    headers = answer.headers
    assert (answer.status_code, answer.content) == (200, b"two swifts")
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cache-Control"] == "private, no-store"
    assert "sandbox" in headers["Content-Security-Policy"]


def test_a_deleted_file_is_gone(stack: Stack, signed_in: SignedIn) -> None:
    alice, name = signed_in("alice"), _name()
    _upload(stack, alice, name)
    page = alice.open(f"{stack.site}/files/mine/{name}/delete/")
    assert "It cannot be brought back." in page.text
    page = alice.submit(page, page.form(action="/delete/"))
    assert f"“{name}” was deleted." in page.text
    assert alice.download(f"{stack.site}/files/mine/{name}/").status_code == 404


def test_a_file_of_the_same_name_stays_what_it_was(stack: Stack, signed_in: SignedIn) -> None:
    alice, name = signed_in("alice"), _name()
    _upload(stack, alice, name)
    assert "You have a file of this name." in _upload(stack, alice, name, b"another").text
    assert alice.download(f"{stack.site}/files/mine/{name}/").content == b"two swifts"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("page.html", b"<script>alert(1)</script>", "File extension “html” is not allowed."),
        ("drawing.svg", b"<svg/>", "File extension “svg” is not allowed."),
        ("no-ending", b"x", "File extension “” is not allowed."),
        ("empty.txt", b"", "The submitted file is empty."),
        (f"{'n' * 130}.txt", b"x", "Give the file a shorter name"),
        ("large.txt", bytes(limits.MAX_BYTES + 1), "This file is larger than 10.0"),
    ],
)
def test_what_is_not_taken_is_refused_with_a_reason(
    stack: Stack, signed_in: SignedIn, name: str, content: bytes, reason: str
) -> None:
    page = _upload(stack, signed_in("alice"), name, content)
    assert page.status == 200
    assert reason in page.text


def test_ten_megabytes_are_taken(stack: Stack, signed_in: SignedIn) -> None:
    alice, name = signed_in("alice"), _name()
    _upload(stack, alice, name, bytes(limits.MAX_BYTES))
    assert len(alice.download(f"{stack.site}/files/mine/{name}/").content) == limits.MAX_BYTES


def test_of_a_larger_file_little_more_than_the_limit_is_kept() -> None:
    handler, chunk, kept = limits.StopAtLimit(), bytes(64 * 1024), 0
    for _ in range(500):
        kept += len(handler.receive_data_chunk(chunk, kept) or b"")
    assert limits.MAX_BYTES < kept <= limits.MAX_BYTES + len(chunk)


def test_many_files_come_in_pages(stack: Stack, signed_in: SignedIn, bucket: Any) -> None:
    carol = signed_in("carol")
    identity = _identity(stack, carol)
    for number in range(53):
        bucket.Object(f"{identity}/page {number:02}.txt").put(Body=b"x")
    first = carol.open(f"{stack.site}/files/")
    assert "page 49.txt" in first.text
    assert "page 50.txt" not in first.text
    second = carol.open(f"{stack.site}/files/?after=page%2049.txt")
    assert "page 49.txt" not in second.text
    assert "page 52.txt" in second.text
    assert "From the start" in second.text


@pytest.mark.parametrize(
    "guess", ["{file}", "..%2F{identity}%2F{file}", "%2E%2E/{identity}/{file}", "{identity}/{file}", "%5C", "%00"]
)
def test_no_address_of_the_site_s_leads_to_somebody_else_s_file(
    stack: Stack, signed_in: SignedIn, bucket: Any, guess: str
) -> None:
    identity, file = _identity(stack, signed_in("bob")), _name()
    bucket.Object(f"{identity}/{file}").put(Body=b"bob's")
    path = guess.format(identity=identity, file=file)
    answer = signed_in("alice").download(f"{stack.site}/files/mine/{path}/")
    assert answer.status_code == 404
    assert b"bob's" not in answer.content


def test_asking_for_somebody_else_s_is_answered_by_aws(stack: Stack, signed_in: SignedIn) -> None:
    identity = _identity(stack, signed_in("bob"))
    page = signed_in("alice").open(f"{stack.site}/files/other-user/?identity={identity}")
    assert page.code_in("aws-answers") == ["AccessDenied", "AccessDenied"]
    assert "the role that it gives you does not allow that" in page.text


def test_asking_for_one_s_own_is_allowed(stack: Stack, signed_in: SignedIn) -> None:
    alice = signed_in("alice")
    page = alice.open(f"{stack.site}/files/other-user/?identity={_identity(stack, alice)}")
    assert "May I list their files? Yes." in page.text


def test_what_is_no_identity_is_not_asked_for(stack: Stack, signed_in: SignedIn) -> None:
    page = signed_in("alice").open(f"{stack.site}/files/other-user/?identity=../bob")
    assert "An identity id looks like" in page.text
    assert page.code_in("aws-answers") == []


def test_a_viewer_reads_and_neither_stores_nor_deletes(stack: Stack, signed_in: SignedIn, bucket: Any) -> None:
    bob, name = signed_in("bob"), _name()
    bucket.Object(f"{_identity(stack, bob)}/{name}").put(Body=b"given")
    assert bob.download(f"{stack.site}/files/mine/{name}/").content == b"given"
    page = _upload(stack, bob, _name())
    assert _refusal(page) == (403, ["AccessDenied"])
    assert "You asked AWS to store a file" in page.text
    asks = bob.open(f"{stack.site}/files/mine/{name}/delete/")
    assert _refusal(bob.submit(asks, asks.form(action="/delete/"))) == (403, ["AccessDenied"])
    assert bob.download(f"{stack.site}/files/mine/{name}/").status_code == 200


def test_a_site_without_an_identity_pool_says_so_and_works(signed_in: SignedIn, site_with: Callable[..., str]) -> None:
    site, alice = site_with(COGNITO_IDENTITY_POOL_ID=""), signed_in("alice")
    page = alice.open(f"{site}/files/")
    assert page.status == 404
    assert "No files are kept here" in page.text
    assert alice.open(f"{site}/notes/1/photo/edit/").status == 404
    assert alice.open(f"{site}/notes/1/").status == 200
    answer = alice.download(f"{site}/api/files/")
    assert (answer.status_code, answer.json()["code"]) == (404, "files_not_configured")


def test_while_aws_cannot_be_reached_the_page_says_to_come_again(
    signed_in: SignedIn, site_with: Callable[..., str]
) -> None:
    site = site_with(AWS_ENDPOINT_URL=f"http://localhost:{free_port(0)}")
    answer = signed_in("alice").download(f"{site}/files/")
    page = Page("", answer.status_code, answer.text)
    assert _refusal(page) == (503, ["cognito_unavailable"])
    assert "Try again in a moment." in page.text
    assert answer.headers["Retry-After"] == "5"
