"""Steps: the files pages in the browser."""

from secrets import token_bytes

from .. import hosted_ui
from ..aws_user import fetch_aws_user
from ..browser import Browser
from ..context import Context
from ..page import Page, UnexpectedPageError
from ..step import step

PNG_IMAGE = b"\x89PNG\r\n\x1a\n" + bytes(64)  # only the signature is valid


@step(
    "Alice uploads a file and downloads it",
    expected="listed on her page; stored in S3 under her identity; downloaded with the same content, as attachment",
)
def upload_and_download(context: Context) -> str:
    """Check the page, the object in S3 and the download."""
    content, browser = token_bytes(2048), Browser()
    page = hosted_ui.sign_in(browser, context, context.users["alice"], path="/files/")
    page = browser.upload(page, "file", "heron.wav", content)
    list_result = "listed on her page" if "heron.wav" in page.text and "2.0" in page.text else page.text[:200]
    s3_object = context.s3_admin.get_object(Bucket=context.bucket, Key=f"{_get_identity(page)}/heron.wav")
    s3_result = "stored in S3 under her identity" if s3_object["Body"].read() == content else "not in S3"
    response = browser.download(f"{context.site}/files/mine/heron.wav/")
    content_result = "the same content" if response.content == content else f"{response.status_code}, other content"
    disposition = response.headers.get("Content-Disposition", "nothing").partition(";")[0]
    return f"{list_result}; {s3_result}; downloaded with {content_result}, as {disposition}"


@step(
    "Alice requests Bob's files at the site",
    expected="the page shows AccessDenied, AccessDenied; his file at URLs of hers: 404, 404",
)
def files_of_other_user(context: Context) -> str:
    """Use the page for files of another user, and guess download URLs."""
    bob = fetch_aws_user(context, hosted_ui.fetch_tokens(context, context.users["bob"])["id_token"])
    context.s3_admin.put_object(Bucket=context.bucket, Key=f"{bob.identity_id}/boots.txt", Body=b"left outside")
    browser = Browser()
    hosted_ui.sign_in(browser, context, context.users["alice"])
    page = browser.open(f"{context.site}/files/other-user/?identity={bob.identity_id}")
    names = ("boots.txt", f"..%2F{bob.identity_id}%2Fboots.txt")
    statuses = [str(browser.download(f"{context.site}/files/mine/{name}/").status_code) for name in names]
    return f"the page shows {', '.join(page.get_codes('aws-results'))}; his file at URLs of hers: {', '.join(statuses)}"


@step(
    "Bob, whose IAM role is read-only, downloads a file and may not upload or delete one",
    expected="download: 200; upload: 403, “Your IAM role does not allow you to store a file.” AccessDenied; "
    "delete: 403 AccessDenied",
)
def read_only_role(context: Context) -> str:
    """Check the role of the group viewers."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, context, context.users["bob"], path="/files/")
    context.s3_admin.put_object(Bucket=context.bucket, Key=f"{_get_identity(page)}/boots.txt", Body=b"left outside")
    download_status = browser.download(f"{context.site}/files/mine/boots.txt/").status_code
    upload_page = browser.upload(page, "file", "mine.txt", b"mine")
    sentence = "Your IAM role does not allow you to store a file."
    message = f"“{sentence}”" if sentence in upload_page.text else upload_page.text[:200]
    confirm_page = browser.open(f"{context.site}/files/mine/boots.txt/delete/")
    delete_page = browser.submit(confirm_page, confirm_page.get_form(action="/delete/"))
    return (
        f"download: {download_status}; upload: {upload_page.status}, {message} {_get_error_code(upload_page)}; "
        f"delete: {delete_page.status} {_get_error_code(delete_page)}"
    )


@step(
    "Alice adds a photo to a note, and Carol, an admin, reads the note",
    expected="Alice: photo 200 image/png; Carol: the note without the photo, photo 403 AccessDenied",
)
def photo_of_author(context: Context) -> str:
    """Check that the photo is Alice's own file. Carol has all permissions for notes."""
    alice, carol = Browser(), Browser()
    page = hosted_ui.sign_in(alice, context, context.users["alice"], path="/notes/new/")
    note = alice.submit(page, page.get_form("title", "body"), {"title": "With a photo", "body": "See below."})
    alice.upload(alice.open(f"{note.url}photo/edit/"), "photo", "heron.png", PNG_IMAGE)
    photo = alice.download(f"{note.url}photo/")
    note_page = hosted_ui.sign_in(carol, context, context.users["carol"], path=note.url.removeprefix(context.site))
    has_photo = "<img" in note_page.html or "With a photo" not in note_page.text
    photo_page = carol.open(f"{note.url}photo/")
    return (
        f"Alice: photo {photo.status_code} {photo.headers.get('Content-Type')}; "
        f"Carol: the note {'with' if has_photo else 'without'} the photo, "
        f"photo {photo_page.status} {_get_error_code(photo_page)}"
    )


def _get_identity(page: Page) -> str:
    codes = page.get_codes("my-identity")
    if not codes:
        raise UnexpectedPageError(f"no identity at {page.url} ({page.status})")
    return codes[0]


def _get_error_code(page: Page) -> str:
    return ", ".join(page.get_codes("aws-error")) or "no code"
