"""Put eight pages side by side in one picture: `python docs/contact_sheet.py /tmp/contact-sheet.png`.

Each page is shown at the width of a phone and of a desktop, in light and in dark colours. The pages of the package have
its own `page.html`, not the example's. Needs the extra `all` and the dependency group `test`.
"""

import shutil
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, Page

PROJECT = Path(__file__).resolve().parents[1]
EXAMPLE = PROJECT / "example_project"
sys.path[:0] = [str(PROJECT), str(EXAMPLE)]

from demo.processes import Processes  # noqa: E402 - needs the path of the line above
from demo.stack import Stack, pick_ports  # noqa: E402
from tests.support.chromium import running_chromium  # noqa: E402

# The title of each page, the user who is signed in, the path, and the URL to which the page's form is posted first.
PAGES = (
    ("sign-in choice", "", "/", ""),
    ("failure", "", "/auth/callback/?state=made-up", ""),
    ("outage", "", "/outage/", ""),
    ("signed out", "", "/auth/logout/", ""),
    ("link", "bob", "/auth/logout/", "/auth/unlink/0/"),
    ("admin refusal", "bob", "/admin/", ""),
    ("own sign-ins", "alice", "/auth/logins/", ""),
    ("notes of the example", "alice", "/notes/", ""),
)
SIZES = ((360, 740), (1280, 800))
SCHEMES = ("light", "dark")
SETTINGS = """
from fieldnotes.settings import *
TEMPLATES[0]["DIRS"] = [{templates!r}]
COGNITO["IDENTITY_PROVIDERS"] = ["COGNITO", "Google", "Facebook"]
ROOT_URLCONF = "sheet_urls"
"""
# A view that fails as in an outage of Cognito, which does not have to be stopped.
URLS = """
from django.urls import path
from django_cognito.core.errors import CognitoUnavailableError
from fieldnotes.urls import *

def fail(request):
    raise CognitoUnavailableError("an outage")

urlpatterns = [path("outage/", fail), *urlpatterns]
"""


def main(picture: Path) -> None:
    """Start the example with a local Cognito, take the screenshots, and write them as one picture."""
    with tempfile.TemporaryDirectory() as name, Processes(Path(name)) as processes:
        folder = Path(name)
        stack = Stack(folder, processes, *pick_ports(0, 0))
        stack.start_cognito()
        stack.start_site({**stack.build_environment(), **_use_own_templates(folder)})
        with running_chromium() as browser:
            for size in SIZES:
                for scheme in SCHEMES:
                    _take_screenshots(browser, stack, folder, size, scheme)
            _join_screenshots(browser, folder, picture)


def _use_own_templates(folder: Path) -> dict[str, str]:
    """Write settings with the example's templates except those for the package; return the environment for them."""
    templates = folder / "templates"
    shutil.copytree(EXAMPLE / "templates", templates, ignore=shutil.ignore_patterns("django_cognito"))
    (folder / "sheet_settings.py").write_text(SETTINGS.format(templates=str(templates)))
    (folder / "sheet_urls.py").write_text(URLS)
    return {"DJANGO_SETTINGS_MODULE": "sheet_settings", "PYTHONPATH": f"{folder}:{':'.join(sys.path)}"}


def _take_screenshots(browser: Browser, stack: Stack, folder: Path, size: tuple[int, int], scheme: str) -> None:
    """Take a screenshot of each page; each user has a browser context of their own."""
    viewport = {"width": size[0], "height": size[1]}
    pages: dict[str, Page] = {}
    for number, (_, username, path, form_action) in enumerate(PAGES):
        if username not in pages:
            pages[username] = browser.new_page(viewport=viewport, color_scheme=scheme, reduced_motion="reduce")
            _sign_in(pages[username], stack, username)
        page = pages[username]
        page.goto(stack.site + path)
        if form_action:
            page.locator("main form").evaluate("(form, url) => { form.action = url; form.submit() }", form_action)
            page.wait_for_url(f"**{form_action}")
        page.wait_for_load_state("networkidle")
        page.screenshot(path=folder / f"{number}-{size[0]}-{scheme}.png")


def _sign_in(page: Page, stack: Stack, username: str) -> None:
    """Sign in; do nothing without a username."""
    if username:
        page.goto(f"{stack.site}/auth/login/?next=/me/")
        page.get_by_label("Username").fill(username)
        page.get_by_label("Password", exact=True).fill(stack.pool.users[username].password)
        page.keyboard.press("Enter")
        page.wait_for_url("**/me/")


def _join_screenshots(browser: Browser, folder: Path, picture: Path) -> None:
    """Write the screenshots as one picture: a row for each page, a column for each size and colour scheme."""
    rows = []
    for number, (title, *_) in enumerate(PAGES):
        images = [
            f'<td><img src="{number}-{width}-{scheme}.png" height="370">' for width, _ in SIZES for scheme in SCHEMES
        ]
        rows.append(f"<tr><th>{title}{''.join(images)}")
    sheet = folder / "sheet.html"
    style = "body { background: #8a8f94; margin: 8px; font: 16px sans-serif } th { width: 6rem; text-align: left }"
    sheet.write_text(f"<!doctype html><style>{style}</style><table>{''.join(rows)}</table>")
    page = browser.new_page(viewport={"width": 1760, "height": 800})
    page.goto(sheet.as_uri())
    page.screenshot(path=picture, full_page=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
