"""Take the screenshot of Fieldnotes for the README, with Chromium: `python docs/picture.py`.

Needs the extra `all` and the dependency group `test`. Run it again when the pages of the example change.
"""

import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page

PROJECT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(PROJECT), str(PROJECT / "example_project")]

from demo.processes import Processes  # noqa: E402 - needs the path of the line above
from demo.stack import Stack, pick_ports  # noqa: E402
from tests.support.chromium import running_chromium  # noqa: E402

PICTURE = PROJECT / "docs" / "images" / "fieldnotes.png"
SIZE = {"width": 1120, "height": 700}


def main() -> None:
    """Start the demo, sign alice in, take the screenshot and stop the demo."""
    with tempfile.TemporaryDirectory() as folder, Processes(Path(folder)) as processes:
        stack = Stack(Path(folder), processes, *pick_ports(9229, 8000))
        stack.start_cognito()
        stack.start_site(stack.build_environment())
        with running_chromium() as browser:
            page = browser.new_page(viewport=SIZE, color_scheme="light", reduced_motion="reduce")
            _sign_in(page, stack, "alice")
            page.screenshot(path=PICTURE)


def _sign_in(page: Page, stack: Stack, username: str) -> None:
    page.goto(f"{stack.site}/auth/login/?next=/notes/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password", exact=True).fill(stack.pool.users[username].password)
    page.keyboard.press("Enter")
    page.wait_for_url("**/notes/")
    page.wait_for_load_state("networkidle")


if __name__ == "__main__":
    main()
