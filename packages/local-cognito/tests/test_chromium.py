"""The Chromium that the tests of a process share."""

import asyncio

import pytest
from local_cognito_support.chromium import running_chromium

pytestmark = pytest.mark.needs("chromium")


async def get_one() -> int:
    return 1


def test_shared_chromium_leaves_no_context_and_no_event_loop() -> None:
    with running_chromium() as browser:
        browser.new_context()
    with pytest.raises(RuntimeError, match="no running event loop"):
        asyncio.get_running_loop()
    assert asyncio.run(get_one()) == 1
    with running_chromium() as same:
        assert same is browser
        assert same.contexts == []
        same.new_context().new_page().goto("data:text/plain,page")
