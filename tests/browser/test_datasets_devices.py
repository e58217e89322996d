"""Several devices of one user that write at random, offline and online, while the server loses answers and refuses.

Each change adds a word of its own to a list, and the rule for conflicts is the union: a word that is missing at the end
is a change that was lost.
"""

import random
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.support.dataset_server import DatasetServer, Fault, answer_with, close_connection, lose_answer
from tests.support.sizes import choose_size

from .test_datasets_client import Tab, sign_in, wait_until

pytestmark = pytest.mark.needs("chromium")
KEYS = ("a", "b")
STEPS = choose_size(60, 600)
FAULTS: tuple[Fault, ...] = (
    lose_answer,
    lose_answer,
    close_connection,
    answer_with(500),
    answer_with(503, Retry_After="1"),
    answer_with(429, "writes_limit", Retry_After="1"),
)
ADD = "([key, word]) => dataset.set(key, [...(dataset.get(key) ?? []), word])"


class Device:
    """A browser with one or two tabs."""

    def __init__(self, context: BrowserContext, server: DatasetServer) -> None:
        self.context, self._server = context, server
        sign_in(context, server, "alice")
        self.tabs = [self._open()]

    def add(self, tab: Tab, key: str, word: str) -> None:
        """Add a word to a list, and wait until it is stored on the device."""
        tab.page.evaluate(ADD, [key, word])

    def open_tab(self) -> None:
        """Open another tab, or close the first one while it may send."""
        if len(self.tabs) == 1:
            self.tabs.append(self._open())
        else:
            self.tabs.pop(0).page.close()

    def _open(self) -> Tab:
        page = self.context.new_page()
        page.goto(self._server.url)
        return Tab(page).open("alice", merge="union", pollSeconds=0.3, pollMaxSeconds=2, timeoutSeconds=2)


@pytest.fixture
def server() -> Iterator[DatasetServer]:
    with DatasetServer() as server:
        yield server


@pytest.mark.parametrize("seed", range(choose_size(1, 10)))
def test_devices_lose_no_change_and_end_equal(chromium: Browser, server: DatasetServer, seed: int) -> None:
    chance = random.Random(seed)
    devices = [Device(chromium.new_context(), server) for _ in range(choose_size(3, 5))]
    offline: set[Device] = set()
    words: dict[str, list[str]] = {key: [] for key in KEYS}
    for step in range(STEPS):
        device = chance.choice(devices)
        action = chance.choices(["add", "fault", "network", "tab", "resync"], [10, 4, 3, 2, 1])[0]
        if action == "add":
            key = chance.choice(KEYS)
            device.add(chance.choice(device.tabs), key, f"{step:04}")
            words[key].append(f"{step:04}")
        elif action == "fault":
            server.faults.append(chance.choice(FAULTS))
        elif action == "network":
            offline ^= {device}
            device.context.set_offline(device in offline)
        elif action == "tab" and device not in offline:
            device.open_tab()
        elif action == "resync" and ("alice", "drafts") in server.datasets:
            server.oldest_count = server.dataset("alice").count
    server.faults.clear()
    for device in devices:
        device.context.set_offline(False)
    wait_until(lambda: server.dataset("alice").values() == {key: words[key] for key in KEYS if words[key]})
    for device in devices:
        for tab in device.tabs:
            tab.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
            wait_until(lambda tab=tab: tab.values == server.dataset("alice").values() and tab.status == "synced")
            assert tab.problems == []
    for device in devices:
        device.context.close()
