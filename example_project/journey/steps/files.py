"""Steps: my files, in the browser."""

from secrets import token_bytes

from .. import hosted_ui
from ..browser import Browser
from ..identity import aws_person
from ..page import LostError, Page
from ..step import step
from ..world import World

A_PICTURE = b"\x89PNG\r\n\x1a\n" + bytes(64)  # by its first bytes


@step(
    "Alice keeps a file and reads it back",
    expected="on her page; in S3 under her identity; the same bytes come back, as attachment",
)
def kept_and_read_back(world: World) -> str:
    """Through S3: the site stores nothing itself."""
    content, browser = token_bytes(2048), Browser()
    page = hosted_ui.sign_in(browser, world, world.people["alice"], to="/files/")
    page = browser.upload(page, "file", "heron.wav", content)
    listed = "on her page" if "heron.wav" in page.text and "2.0" in page.text else page.text[:200]
    stored = world.s3_admin.get_object(Bucket=world.bucket, Key=f"{_identity(page)}/heron.wav")["Body"].read()
    where = "in S3 under her identity" if stored == content else "not in S3"
    answer = browser.download(f"{world.site}/files/mine/heron.wav/")
    same = "the same bytes" if answer.content == content else f"{answer.status_code}, other bytes"
    kind = answer.headers.get("Content-Disposition", "nothing").partition(";")[0]
    return f"{listed}; {where}; {same} come back, as {kind}"


@step(
    "Fieldnotes passes Alice's question for Bob's files on to AWS",
    expected="the page says AccessDenied, AccessDenied; his file by her addresses: 404, 404",
)
def site_asks_aws(world: World) -> str:
    """On purpose, and by guessing."""
    bob = aws_person(world, hosted_ui.tokens(world, world.people["bob"])["id_token"])
    world.s3_admin.put_object(Bucket=world.bucket, Key=f"{bob.identity_id}/boots.txt", Body=b"left by the door")
    browser = Browser()
    hosted_ui.sign_in(browser, world, world.people["alice"])
    page = browser.open(f"{world.site}/files/other-user/?identity={bob.identity_id}")
    guesses = ("boots.txt", f"..%2F{bob.identity_id}%2Fboots.txt")
    found = [str(browser.download(f"{world.site}/files/mine/{guess}/").status_code) for guess in guesses]
    return f"the page says {', '.join(page.code_in('aws-answers'))}; his file by her addresses: {', '.join(found)}"


@step(
    "Bob's role may only read",
    expected="his file: 200; to upload: 403, “You asked AWS to store a file, and the role that it gives you does not "
    "allow that.” AccessDenied; to delete: 403 AccessDenied",
)
def reader_may_not_write(world: World) -> str:
    """He is in viewers, and that group has another role."""
    browser = Browser()
    page = hosted_ui.sign_in(browser, world, world.people["bob"], to="/files/")
    world.s3_admin.put_object(Bucket=world.bucket, Key=f"{_identity(page)}/boots.txt", Body=b"left by the door")
    read = browser.download(f"{world.site}/files/mine/boots.txt/").status_code
    upload = browser.upload(page, "file", "mine.txt", b"mine")
    sentence = "You asked AWS to store a file, and the role that it gives you does not allow that."
    told = f"“{sentence}”" if sentence in upload.text else upload.text[:200]
    asks = browser.open(f"{world.site}/files/mine/boots.txt/delete/")
    deleted = browser.submit(asks, asks.form(action="/delete/"))
    return (
        f"his file: {read}; to upload: {upload.status}, {told} {_code(upload)}; "
        f"to delete: {deleted.status} {_code(deleted)}"
    )


@step(
    "Alice puts a photo on a note, and Carol reads the note",
    expected="Alice sees it: 200 image/png; Carol, an admin: the note without it, the photo 403 AccessDenied",
)
def photo_is_its_authors(world: World) -> str:
    """Carol may do everything with notes. The photo is Alice's file all the same."""
    alice, carol = Browser(), Browser()
    page = hosted_ui.sign_in(alice, world, world.people["alice"], to="/notes/new/")
    note = alice.submit(page, page.form("title", "body"), {"title": "With a photo", "body": "See below."})
    alice.upload(alice.open(f"{note.url}photo/edit/"), "photo", "heron.png", A_PICTURE)
    hers = alice.download(f"{note.url}photo/")
    seen = hosted_ui.sign_in(carol, world, world.people["carol"], to=note.url.removeprefix(world.site))
    without = "with it" if "<img" in seen.html or "With a photo" not in seen.text else "without it"
    refused = carol.open(f"{note.url}photo/")
    return (
        f"Alice sees it: {hers.status_code} {hers.headers.get('Content-Type')}; "
        f"Carol, an admin: the note {without}, the photo {refused.status} {_code(refused)}"
    )


def _identity(page: Page) -> str:
    found = page.code_in("my-identity")
    if not found:
        raise LostError(f"no identity at {page.url} ({page.status})")
    return found[0]


def _code(page: Page) -> str:
    return ", ".join(page.code_in("refusal")) or "no code"
