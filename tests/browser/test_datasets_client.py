"""The client of datasets in a real Chromium, against a server that loses answers, refuses and stops."""

import gzip
import itertools
import re
import time
from collections.abc import Callable, Iterator
from threading import Event
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.support import dataset_server
from tests.support.dataset_server import DatasetServer, answer_when, answer_with, close_connection, lose_answer

pytestmark = pytest.mark.needs("chromium")
SIZE_MAX_BYTES = 6 * 1024
# No poll by itself, unless a test wants one.
OPTIONS = {"sendAfterSeconds": 0.05, "pollSeconds": 600, "pollMaxSeconds": 600, "timeoutSeconds": 30}
SEND_NO_MESSAGE = "() => (BroadcastChannel.prototype.postMessage = () => {})"  # to other tabs
RECORD_DELAYS = """() => {
  const { setTimeout } = window;
  window.delays = [];
  window.setTimeout = (work, delay) => {
    delays.push(delay / 1000);
    return setTimeout(work, delay);
  };
}"""
READ_STORES = """async () => {
  const open = indexedDB.open("django_cognito.datasets");
  await new Promise((resolve) => (open.onsuccess = resolve));
  const transaction = open.result.transaction([...open.result.objectStoreNames]);
  const content = {};
  for (const name of open.result.objectStoreNames) {
    const request = transaction.objectStore(name).getAll();
    await new Promise((resolve) => (request.onsuccess = resolve));
    content[name] = request.result;
  }
  open.result.close();
  return content;
}"""


DELAY_EVENTS = """() => {
  const post = BroadcastChannel.prototype.postMessage;
  const delayed = [];
  BroadcastChannel.prototype.postMessage = function (message) {
    if (message.type === "events") delayed.push(message);
    else post.call(this, message);
  };
  const channel = new BroadcastChannel("django_cognito.datasets");
  window.sendDelayed = () => delayed.forEach((message) => post.call(channel, message));
}"""


class Tab:
    """A page that uses the client."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(str(error)))
        page.on("console", lambda message: self.problems.append(message.text) if "Policy" in message.text else None)

    def open(self, user: str, name: str = "drafts", **options: Any) -> "Tab":
        """Open a dataset. Its first sync may still run: call `sync` before `set` if a change must not be sent yet."""
        wait_until(lambda: self.page.evaluate("window.isLoaded"))
        options = {**OPTIONS, "user": user, **options}
        self.page.evaluate("([name, options]) => openDataset(name, options)", [name, options])
        return self

    def set(self, key: str, value: Any) -> None:
        """Set a value, and wait until it is stored on this device."""
        # In a timer: the Content-Security-Policy does not restrict what Playwright itself calls.
        script = (
            "([key, value]) => new Promise((end, fail) => setTimeout(() => dataset.set(key, value).then(end, fail)))"
        )
        self.page.evaluate(script, [key, value])

    def get(self, key: str) -> Any:
        """Return a value."""
        return self.page.evaluate("(key) => dataset.get(key)", key)

    def sync(self) -> str:
        """Sync and return the status."""
        status: str = self.page.evaluate("() => dataset.sync().then(() => dataset.status)")
        return status

    @property
    def values(self) -> dict[str, Any]:
        """All values."""
        return dict(self.page.evaluate("() => dataset.entries()"))

    @property
    def status(self) -> str:
        """The status."""
        return str(self.page.evaluate("() => dataset.status"))

    def events(self, kind: str) -> list[Any]:
        """Return the details of the events so far."""
        return [detail for name, detail in self.page.evaluate("() => events") if name == kind]


NewContext = Callable[[str], BrowserContext]
NewTab = Callable[..., Tab]


@pytest.fixture
def server() -> Iterator[DatasetServer]:
    with DatasetServer() as server:
        yield server


@pytest.fixture
def new_context(chromium: Browser, server: DatasetServer) -> Iterator[NewContext]:
    """Yield a function that opens a browser in which a user is signed in."""
    contexts: list[BrowserContext] = []

    def new(user: str) -> BrowserContext:
        contexts.append(chromium.new_context())
        sign_in(contexts[-1], server, user)
        return contexts[-1]

    yield new
    for context in contexts:
        context.close()


@pytest.fixture
def new_tab(server: DatasetServer) -> Iterator[NewTab]:
    """Yield a function that opens the server's page in a tab. A script error or a violation of the policy fails."""
    tabs: list[Tab] = []

    def new(context: BrowserContext) -> Tab:
        tabs.append(Tab(context.new_page()))
        tabs[-1].page.goto(server.url)
        return tabs[-1]

    yield new
    assert [problem for tab in tabs for problem in tab.problems] == []


@pytest.fixture
def context(new_context: NewContext) -> BrowserContext:
    return new_context("alice")


@pytest.fixture
def tab(context: BrowserContext, new_tab: NewTab) -> Tab:
    return new_tab(context)


def sign_in(context: BrowserContext, server: DatasetServer, user: str) -> None:
    context.add_cookies([{"name": "user", "value": user, "url": server.url}])


def wait_until(condition: Callable[[], Any]) -> None:
    """Raise AssertionError if the condition does not hold in 120 seconds: a loaded computer is slow."""
    end = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < end, "the condition does not hold"
        time.sleep(0.02)


def test_client_has_at_most_6_kb_without_comments() -> None:
    source = dataset_server.CLIENT.read_text()
    code = re.sub(r"(^|\s)//.*", "", re.sub(r"/\*.*?\*/", "", source, flags=re.S))
    lines = "\n".join(line for line in code.splitlines() if line.strip())
    assert len(gzip.compress(lines.encode(), mtime=0)) < SIZE_MAX_BYTES
    assert not re.search(r"\beval\(|new Function|innerHTML|\bimport\b", lines)


def test_change_is_written_once_and_read_on_another_device(
    server: DatasetServer, tab: Tab, new_context: NewContext, new_tab: NewTab
) -> None:
    tab.open("alice").set("note", {"text": "heron", "at": [1, None]})
    wait_until(lambda: tab.status == "synced")
    other = new_tab(new_context("alice")).open("alice")
    assert other.sync() == "synced"
    assert other.values == {"note": {"text": "heron", "at": [1, None]}}
    assert other.events("change") == [{"keys": ["note"]}]
    assert tab.events("change") == []
    (write,) = server.received("POST")
    (record,) = write.json["records"]
    assert record.keys() == {"key", "value", "sync_count", "device_time"}
    assert record["device_time"].endswith("Z")


def test_status_is_pending_as_soon_as_a_value_is_set(tab: Tab) -> None:
    tab.open("alice").sync()
    script = "() => { const stored = dataset.set('note', 1); return [dataset.status, dataset.get('note')]; }"
    assert tab.page.evaluate(script) == ["pending", 1]


def test_deleted_record_is_deleted_on_another_device(
    tab: Tab, new_context: NewContext, new_tab: NewTab, server: DatasetServer
) -> None:
    server.dataset("alice").write({"a": 1, "b": 2})
    other = new_tab(new_context("alice")).open("alice")
    other.sync()
    tab.open("alice").sync()
    tab.page.evaluate("() => dataset.delete('a')")
    assert tab.values == {"b": 2}
    tab.sync()
    other.sync()
    assert other.values == {"b": 2}
    other.set("a", 3)  # a key that was deleted is no conflict
    other.sync()
    assert server.dataset("alice").values() == {"a": 3, "b": 2}
    assert other.events("conflict") == []


def test_changes_of_one_moment_are_sent_together(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", sendAfterSeconds=600).sync()
    for text in ("h", "he", "her", "heron"):
        tab.set("note", text)
    tab.set("other", 1)
    assert tab.sync() == "synced"
    (write,) = server.received("POST")
    assert {record["key"]: record["value"] for record in write.json["records"]} == {"note": "heron", "other": 1}


def test_value_that_is_equal_is_not_sent(server: DatasetServer, tab: Tab) -> None:
    server.dataset("alice").write({"note": {"a": 1, "b": 2}})
    tab.open("alice").sync()
    tab.set("note", {"b": 2, "a": 1})
    tab.sync()
    assert server.received("POST") == []


def test_names_of_an_object_are_compared_exactly(server: DatasetServer, tab: Tab) -> None:
    server.dataset("alice").write({"note": {"x": {}}})
    tab.open("alice").sync()
    tab.page.evaluate("""() => dataset.set("note", JSON.parse('{"__proto__": {}}'))""")
    tab.sync()
    assert server.dataset("alice").values() == {"note": {"__proto__": {}}}


def test_many_changes_are_sent_in_batches_within_the_limits(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", sendAfterSeconds=600).sync()
    tab.page.evaluate("() => Promise.all(Array.from({ length: 250 }, (_, i) => dataset.set(`${i}`, 'ü'.repeat(2000))))")
    tab.sync()
    writes = server.received("POST")
    assert len(server.dataset("alice").values()) == 250
    assert max(len(write.json["records"]) for write in writes) <= 100
    assert max(len(write.body) for write in writes) <= 260_000
    assert len(writes) <= 6


def test_all_pages_of_a_large_dataset_are_read(server: DatasetServer, tab: Tab) -> None:
    for start in range(0, 1_000, 250):
        server.dataset("alice").write({f"{key:04}": key for key in range(start, start + 250)})
    tab.open("alice").sync()
    assert len(tab.values) == 1_000
    queries = [request.query for request in server.received("GET")]
    assert queries[:2] == [{"since": "0"}, {"since": "2", "start": "4"}]


# Lost answers, closed tabs, restarts


def test_lost_answer_is_repeated_and_written_once(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    server.faults.append(lose_answer)
    tab.set("note", "heron")
    wait_until(lambda: tab.status == "offline")
    assert server.dataset("alice").count == 1
    tab.set("note", "heron and coot")  # does not change the operation whose answer was lost
    assert tab.sync() == "synced"
    first, again, last = server.received("POST")
    assert first.body == again.body
    assert last.json["operation_id"] != first.json["operation_id"]
    assert server.dataset("alice").count == 2
    assert server.dataset("alice").values() == {"note": "heron and coot"}
    assert tab.events("conflict") == []


def test_operation_is_stored_before_the_first_attempt(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    """The tab is closed while the request is on its way; a new tab repeats it with the same id."""
    tab.open("alice").sync()
    server.faults.append(answer_when(Event()))  # never
    tab.set("note", "heron")
    wait_until(lambda: server.received("POST"))
    tab.page.close()
    again = new_tab(context).open("alice")
    assert again.get("note") == "heron"
    wait_until(lambda: again.status == "synced")
    first, repeated = server.received("POST")
    assert first.body == repeated.body
    assert server.dataset("alice").count == 1


def test_closed_tab_loses_no_change(server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab) -> None:
    tab.open("alice", sendAfterSeconds=600).sync()
    tab.set("note", "heron")
    tab.page.close()
    assert server.received("POST") == []
    again = new_tab(context).open("alice")
    assert again.get("note") == "heron"
    wait_until(lambda: again.status == "synced")
    assert server.dataset("alice").values() == {"note": "heron"}


def test_open_tab_sends_the_changes_of_a_closed_tab(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice", pollSeconds=1).sync()
    other = new_tab(context).open("alice", sendAfterSeconds=600)
    other.sync()
    other.set("note", "heron")
    other.page.close()
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron"})


def test_value_that_is_set_is_not_replaced_with_an_earlier_one(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    tab.page.evaluate("""() => {
      const { getAll } = IDBObjectStore.prototype;
      IDBObjectStore.prototype.getAll = function (...parameters) {
        if (this.name === "records") {
          IDBObjectStore.prototype.getAll = getAll;
          dataset.set("note", "heron"); // while the earlier value is read
        }
        return getAll.apply(this, parameters);
      };
    }""")
    tab.set("note", "h")
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron"})
    assert tab.get("note") == "heron"
    assert tab.events("change") == []


def test_slow_answer_is_given_up_and_repeated(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", timeoutSeconds=0.5)
    wait_until(lambda: tab.sync() == "synced")  # a loaded computer may be as slow as the server
    before = len(tab.events("status"))
    server.faults.append(answer_when(Event()))  # never
    tab.set("note", "heron")
    wait_until(lambda: {"status": "offline"} in tab.events("status")[before:])
    wait_until(lambda: tab.sync() == "synced")
    first, again, *_ = server.received("POST")
    assert first.body == again.body
    assert server.dataset("alice").count == 1


@pytest.mark.parametrize(
    "fault",
    [answer_with(200), answer_with(302, Location="/"), answer_with(404), answer_with(500), close_connection],
    ids=["another page", "redirect", "not found", "server error", "no answer"],
)
def test_answer_outside_the_protocol_loses_nothing(server: DatasetServer, tab: Tab, fault: Any) -> None:
    tab.open("alice").sync()
    server.faults.append(fault)
    tab.set("note", "heron")
    wait_until(lambda: tab.status in ("offline", "signed_out"))
    assert tab.get("note") == "heron"
    assert tab.sync() == "synced"
    assert server.dataset("alice").values() == {"note": "heron"}


# Conflicts


@pytest.fixture
def edited_offline(server: DatasetServer, tab: Tab, context: BrowserContext) -> Callable[..., Tab]:
    """Return a function that opens a tab with a change made offline, while another device has written."""

    def edit(mine: Any, theirs: Any, **options: Any) -> Tab:
        server.dataset("alice").write({"note": "base"})
        tab.open("alice", **options).sync()
        context.set_offline(True)
        tab.set("note", mine)
        wait_until(lambda: tab.status == "offline")
        server.dataset("alice").write({"note": theirs, "other": 1}, device_time="2020-01-01T00:00:00Z")
        context.set_offline(False)
        wait_until(lambda: tab.status == "synced")
        tab.sync()
        return tab

    return edit


@pytest.mark.parametrize(
    ("rule", "value"), [("server", "theirs"), ("client", "mine"), ("newest", "mine"), ("both", "mine | theirs")]
)
def test_conflict_is_decided_by_the_rule(
    server: DatasetServer, edited_offline: Callable[..., Tab], rule: str, value: str
) -> None:
    tab = edited_offline("mine", "theirs", merge=rule)
    assert tab.values == {"note": value, "other": 1}
    assert server.dataset("alice").values() == {"note": value, "other": 1}
    (event,) = tab.events("conflict")
    assert (event["mine"]["value"], event["theirs"]["value"], event["base"]) == ("mine", "theirs", "base")
    assert event["value"] == value
    assert event["theirs"]["device_time"] == "2020-01-01T00:00:00Z"
    assert event["mine"]["device_time"] > "2026"


def test_newest_believes_the_time_of_the_other_device(server: DatasetServer, tab: Tab, context: BrowserContext) -> None:
    tab.open("alice", merge="newest").sync()
    context.set_offline(True)
    tab.set("note", "mine")
    server.dataset("alice").write({"note": "theirs"}, device_time="2099-01-01T00:00:00Z")
    context.set_offline(False)
    wait_until(lambda: tab.sync() == "synced")
    assert tab.get("note") == "theirs"


@pytest.mark.parametrize("rule", ["server", "client"])
def test_conflict_with_a_deletion_is_decided_by_the_rule(
    server: DatasetServer, edited_offline: Callable[..., Tab], rule: str
) -> None:
    tab = edited_offline("mine", None, merge=rule)
    rest = {"note": "mine"} if rule == "client" else {}
    assert tab.values == server.dataset("alice").values() == {**rest, "other": 1}


@pytest.mark.parametrize("theirs", ["mine", "base"])
def test_equal_or_unchanged_values_are_no_conflict(
    server: DatasetServer, edited_offline: Callable[..., Tab], theirs: str
) -> None:
    tab = edited_offline("mine", theirs)
    assert server.dataset("alice").values()["note"] == "mine"
    assert tab.events("conflict") == []


def test_change_during_the_request_is_merged_with_the_conflict(server: DatasetServer, tab: Tab) -> None:
    server.dataset("alice").write({"note": "base"})
    tab.open("alice", merge="both").sync()
    server.dataset("alice").write({"note": "theirs"})
    server.faults.append(answer_when(may_answer := Event()))
    tab.set("note", "mine")
    wait_until(lambda: server.received("POST"))
    tab.set("note", "mine, longer")
    may_answer.set()
    wait_until(lambda: tab.status == "synced")
    assert server.dataset("alice").values() == {"note": "mine, longer | theirs"}


def test_change_during_the_request_is_no_conflict_with_it(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    server.faults.append(answer_when(may_answer := Event()))
    tab.set("note", "h")
    wait_until(lambda: server.received("POST"))
    tab.set("note", "heron")
    may_answer.set()
    wait_until(lambda: tab.status == "synced")
    assert server.dataset("alice").values() == {"note": "heron"}
    assert tab.events("conflict") == tab.events("change") == []


def test_own_write_with_a_lost_answer_is_no_conflict(server: DatasetServer, tab: Tab) -> None:
    """The server has forgotten the operation; the user has gone on writing."""
    server.dataset("alice").write({"note": "base"})
    tab.open("alice", merge="both").sync()
    server.faults.append(lose_answer)
    tab.set("note", "h")
    wait_until(lambda: tab.status == "offline")
    server.dataset("alice").operations.clear()
    tab.set("note", "heron")
    assert tab.sync() == "synced"
    assert server.dataset("alice").values() == {"note": "heron"}
    assert tab.events("conflict") == []


@pytest.mark.parametrize("options", [{}, {"merge": "client"}], ids=["default", "client"])
def test_conflict_waits_for_a_page_with_the_rule_of_the_change(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab, options: dict[str, str]
) -> None:
    server.dataset("alice").write({"note": "base"})
    tab.open("alice", merge="both", sendAfterSeconds=600).sync()
    tab.set("note", "mine")
    tab.page.close()
    server.dataset("alice").write({"note": "theirs"})
    other = new_tab(context).open("alice", **options)
    other.set("another", 1)
    wait_until(lambda: other.status == "failed")
    assert other.values == {"note": "mine", "another": 1}
    assert other.page.evaluate("() => dataset.entry('note').failed") == "other_rule"
    wait_until(lambda: server.dataset("alice").values() == {"note": "theirs", "another": 1})
    again = new_tab(context).open("alice", merge="both")
    wait_until(lambda: again.status == "synced")
    assert server.dataset("alice").values() == {"note": "mine | theirs", "another": 1}


def test_change_is_left_to_the_page_with_its_rule(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    """Both are open, and the first one is sending."""
    server.dataset("alice").write({"note": "base", "another": 1})
    tab.open("alice", merge="both", sendAfterSeconds=600).sync()
    tab.set("note", "mine")
    tab.page.close()
    server.dataset("alice").write({"note": "theirs"})
    other = new_tab(context).open("alice", merge="client")
    wait_until(lambda: other.sync() == "failed")  # and no request of it is pending, which the fault below would handle
    server.dataset("alice").write({"another": 2})
    server.faults.append(answer_when(may_answer := Event()))
    count = len(server.received("POST"))
    other.set("another", 3)  # a conflict, after which the page sends again
    wait_until(lambda: len(server.received("POST")) > count)
    again = new_tab(context).open("alice", merge="both")
    may_answer.set()
    wait_until(lambda: again.status == "synced")
    assert server.dataset("alice").values() == {"note": "mine | theirs", "another": 3}


def test_rule_with_a_fault_keeps_the_change(server: DatasetServer, new_context: NewContext) -> None:
    page = new_context("alice").new_page()
    page.goto(server.url)
    server.dataset("alice").write({"note": "base"})
    tab = Tab(page).open("alice", merge="broken")
    tab.sync()
    server.dataset("alice").write({"note": "theirs"})
    tab.set("note", "mine")
    assert tab.sync() == "failed"
    assert tab.get("note") == "mine"
    assert tab.events("failed") == [{"key": "note", "value": "mine", "code": "merge_failed"}]
    assert any("a rule with a fault" in problem for problem in tab.problems)  # in the console


def test_own_write_is_not_fetched_again(server: DatasetServer, tab: Tab) -> None:
    server.dataset("alice").write({"other": 1})
    tab.open("alice").sync()
    reads = len(server.received("GET"))
    tab.set("note", "heron")
    wait_until(lambda: tab.status == "synced")
    tab.sync()
    new = server.received("GET")[reads:]
    assert [(request.query["since"], request.status) for request in new] == [("2", 304)]


def test_write_between_own_writes_is_fetched(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    tab.set("a", 1)
    wait_until(lambda: tab.status == "synced")
    server.dataset("alice").write({"theirs": 2})
    tab.set("b", 3)
    wait_until(lambda: tab.status == "synced")
    assert tab.values == {"a": 1, "b": 3, "theirs": 2}


def test_deletion_of_an_absent_record_hides_no_write_of_others(server: DatasetServer, tab: Tab) -> None:
    """The server answers it with the count of the dataset, which may be that of another device's write."""
    server.dataset("alice").write({"a": 1})
    tab.open("alice", sendAfterSeconds=600).sync()
    server.dataset("alice").write({"theirs": 2})
    tab.set("absent", 1)
    tab.set("absent", None)
    assert tab.sync() == "synced"
    assert len(server.received("POST")) == 1
    assert tab.values == {"a": 1, "theirs": 2}


# Resync


@pytest.mark.parametrize("is_other_dataset", [False, True])
def test_resync_replaces_the_records_and_keeps_the_queue(
    server: DatasetServer, tab: Tab, context: BrowserContext, is_other_dataset: bool
) -> None:
    server.dataset("alice").write({"a": 1, "gone": 2})
    tab.open("alice", merge="client").sync()
    context.set_offline(True)
    tab.set("mine", "heron")
    if is_other_dataset:
        del server.datasets["alice", "drafts"]
        server.dataset("alice").write({"a": 1})
    else:
        del server.dataset("alice").records["gone"]
        server.dataset("alice").count = server.oldest_count = 9
    server.faults.append(answer_with(503))  # the queue is not sent before the resync
    context.set_offline(False)
    wait_until(lambda: tab.sync() == "synced")
    assert tab.values == server.dataset("alice").values() == {"a": 1, "mine": "heron"}


def test_resync_keeps_a_change_that_was_refused(server: DatasetServer, tab: Tab) -> None:
    server.dataset("alice").write({"a": 1})
    server.limits = lambda record: "value_too_large" if record["value"] == "large" else ""
    tab.open("alice").sync()
    tab.set("mine", "large")
    wait_until(lambda: tab.status == "failed")
    before = len(server.received("GET"))
    server.dataset("alice").count = server.oldest_count = 9
    tab.sync()  # or the end of the first sync, which may still run
    assert {"since": "0"} in [request.query for request in server.received("GET")[before:]]
    assert tab.values == {"a": 1, "mine": "large"}


# Users and tabs


def test_sign_in_of_another_user_deletes_all_data(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    server.dataset("alice").write({"secret": "of alice"})
    tab.open("alice", sendAfterSeconds=600).sync()
    tab.set("queued", "also of alice")
    server.faults.append(close_connection)
    tab.sync()  # the operation is stored
    tab.set("queued", "a third of alice")
    assert "of alice" in str(tab.page.evaluate(READ_STORES))
    sign_in(context, server, "bob")
    other = new_tab(context).open("bob")
    assert other.sync() == "synced"
    assert other.values == {}
    assert "alice" not in str(other.page.evaluate(READ_STORES))
    wait_until(lambda: tab.status == "signed_out")
    assert tab.values == {}
    assert tab.page.evaluate("() => dataset.set('note', 'late').catch(() => 'refused')") == "refused"
    assert "late" not in str(other.page.evaluate(READ_STORES))
    assert server.dataset("bob").values() == {}


def test_answer_for_the_former_user_is_not_stored(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice").sync()
    server.dataset("alice").write({"secret": "of alice"})
    # The first one is alice's, the second one confirms bob; bob's fetch would replace what alice's answer left.
    server.faults += [answer_when(may_answer := Event()), DatasetServer.handle, close_connection]
    count = len(server.requests)
    tab.page.evaluate("() => void dataset.sync()")
    wait_until(lambda: len(server.requests) > count)
    sign_in(context, server, "bob")
    other = new_tab(context).open("bob")
    may_answer.set()
    wait_until(lambda: other.status == "offline")
    wait_until(lambda: server.requests[count].status == 200)
    assert "alice" not in str(other.page.evaluate(READ_STORES))
    assert other.sync() == "synced"


def test_page_of_a_former_user_writes_nothing_for_the_next_one(
    server: DatasetServer, tab: Tab, context: BrowserContext
) -> None:
    """The next user's pages use no dataset, so that this page does not learn of the sign-in."""
    tab.open("alice").sync()
    sign_in(context, server, "bob")
    tab.set("note", "of alice")
    wait_until(lambda: tab.status == "signed_out")
    assert ("bob", "drafts") not in server.datasets
    sign_in(context, server, "alice")
    assert tab.sync() == "synced"
    assert server.dataset("alice").values() == {"note": "of alice"}


def test_queue_is_sent_after_the_same_user_signed_in_again(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice").sync()
    context.clear_cookies()
    tab.set("note", "heron")
    wait_until(lambda: tab.status == "signed_out")
    assert tab.get("note") == "heron"
    tab.page.close()
    sign_in(context, server, "alice")
    again = new_tab(context).open("alice")
    wait_until(lambda: again.status == "synced")
    assert server.dataset("alice").values() == {"note": "heron"}


def test_one_of_two_tabs_sends_and_the_other_learns(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice", pollSeconds=1, pollMaxSeconds=1).sync()
    other = new_tab(context).open("alice", pollSeconds=1, pollMaxSeconds=1)
    other.sync()
    tab.set("note", "heron")
    wait_until(lambda: other.get("note") == "heron")
    wait_until(lambda: tab.status == other.status == "synced")
    assert other.events("change") == [{"keys": ["note"]}]
    assert len(server.received("POST")) == 1
    before = len(server.received("GET"))
    wait_until(lambda: len(server.received("GET")) > before + 5)
    polls = server.received("GET")[before:]
    # As with one tab: five polls of two tabs would take half of five seconds.
    assert polls[5].at - polls[0].at > 3


def test_other_tab_learns_of_a_change_before_it_is_sent(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice", sendAfterSeconds=600).sync()
    other = new_tab(context).open("alice")
    other.sync()
    tab.set("note", "heron")
    wait_until(lambda: other.get("note") == "heron")
    assert other.status == "pending"
    assert server.received("POST") == []


@pytest.mark.parametrize("status", ["signed_out", "offline"])
def test_old_page_of_a_former_user_deletes_nothing(
    server: DatasetServer, new_context: NewContext, new_tab: NewTab, status: str
) -> None:
    context = new_context("bob")
    tab, old = new_tab(context), new_tab(context)
    tab.open("bob", sendAfterSeconds=600).sync()
    tab.set("note", "of bob")
    context.set_offline(status == "offline")
    old.open("alice")
    wait_until(lambda: old.status == status)
    assert old.values == {}
    assert tab.get("note") == "of bob"
    context.set_offline(False)
    assert tab.sync() == "synced"
    assert server.dataset("bob").values() == {"note": "of bob"}


def test_old_page_of_a_former_user_closes_no_dataset(
    server: DatasetServer, new_context: NewContext, new_tab: NewTab
) -> None:
    """The current user has sent everything, and is writing."""
    context = new_context("bob")
    tab, old = new_tab(context), new_tab(context)
    tab.open("bob").set("note", "of bob")
    assert tab.sync() == "synced"
    old.open("alice")
    wait_until(lambda: old.status == "signed_out")
    assert tab.get("note") == "of bob"
    tab.set("note", "more of bob")
    assert tab.sync() == "synced"
    assert server.dataset("bob").values() == {"note": "more of bob"}


def test_late_message_of_a_former_user_is_ignored(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    """It has both texts of a conflict."""
    tab.open("alice").sync()
    server.dataset("alice").write({"note": "of alice"})
    tab.page.evaluate(DELAY_EVENTS)
    tab.set("note", "of alice too")
    assert tab.sync() == "synced"
    sign_in(context, server, "bob")
    other = new_tab(context).open("bob")
    assert other.sync() == "synced"
    tab.page.evaluate("() => sendDelayed()")
    script = "(message) => new BroadcastChannel('django_cognito.datasets').postMessage(message)"
    tab.page.evaluate(script, {"type": "user", "user": "carol"})
    wait_until(lambda: other.status == "signed_out")  # by a message that was sent later
    assert other.events("conflict") == []


def test_tabs_never_send_at_the_same_time(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    other = new_tab(context)
    for item in (tab, other):
        item.open("alice").sync()
    server.faults.append(answer_when(may_answer := Event()))
    tab.set("a", 1)
    wait_until(lambda: server.received("POST"))
    other.page.evaluate("() => void dataset.set('b', 2).then(() => dataset.sync())")
    time.sleep(0.5)
    assert len(server.received("POST")) == 1
    may_answer.set()
    wait_until(lambda: server.dataset("alice").values() == {"a": 1, "b": 2})
    assert len(server.received("POST")) == 2


def test_sync_of_another_tab_does_not_delay_a_change(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    """Its message arrives after the change, which its sync did not see."""
    tab.open("alice", sendAfterSeconds=1).sync()
    tab.set("note", "heron")
    message = {"type": "synced", "user": "alice", "dataset": f"{server.url}/datasets/drafts/", "seconds": 600}
    script = "(message) => new BroadcastChannel('django_cognito.datasets').postMessage(message)"
    new_tab(context).page.evaluate(script, {**message, "interruption": None, "pollSeconds": 600})
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron"})


def test_value_of_another_tab_that_was_not_seen_is_merged(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice", sendAfterSeconds=600, merge="both").sync()
    other = new_tab(context)
    other.page.evaluate(SEND_NO_MESSAGE)  # the message is late
    other.open("alice", sendAfterSeconds=600, merge="both").sync()
    other.set("note", "of another tab")
    tab.set("note", "of this tab")
    assert tab.get("note") == "of another tab | of this tab"
    tab.sync()
    assert server.dataset("alice").values() == {"note": "of another tab | of this tab"}


def test_record_that_was_not_seen_is_a_conflict(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    """Another tab has fetched it, and this one has not read it yet."""
    server.dataset("alice").write({"note": "base"})
    tab.open("alice", merge="both").sync()
    other = new_tab(context)
    other.page.evaluate(SEND_NO_MESSAGE)  # the message is late
    other.open("alice").sync()
    server.dataset("alice").write({"note": "theirs"})
    other.sync()
    tab.set("note", "mine")
    wait_until(lambda: tab.status == "synced")
    assert server.dataset("alice").values() == {"note": "mine | theirs"}
    assert [event["base"] for event in tab.events("conflict")] == ["base"]


def test_conflict_and_refusal_are_events_in_all_tabs(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    tab.open("alice", merge="client").sync()
    other = new_tab(context).open("alice")
    other.sync()
    server.dataset("alice").write({"note": "theirs"})
    server.limits = lambda record: "value_too_large" if record["value"] == "large" else ""
    tab.set("note", "mine")
    tab.set("big", "large")
    wait_until(lambda: other.events("conflict") and other.events("failed"))


# Refusals


def test_refused_record_is_reported_and_the_others_are_written(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab
) -> None:
    server.limits = lambda record: "value_too_large" if record["value"] == "large" else ""
    tab.open("alice", sendAfterSeconds=600).sync()
    for key in "abcdefg":
        tab.set(key, "large" if key == "c" else "small")
    assert tab.sync() == "failed"
    assert tab.events("failed") == [{"key": "c", "value": "large", "code": "value_too_large"}]
    assert sorted(server.dataset("alice").values()) == list("abdefg")
    assert tab.get("c") == "large"
    assert tab.page.evaluate("() => dataset.entry('c').failed") == "value_too_large"
    writes = len(server.received("POST"))
    assert tab.sync() == "failed"
    assert len(server.received("POST")) == writes  # not again by itself
    tab.set("c", "small")
    assert tab.sync() == "synced"
    assert server.dataset("alice").values()["c"] == "small"


def test_refused_record_is_tried_again_by_the_next_page(server: DatasetServer, tab: Tab) -> None:
    server.limits = lambda record: "records_limit"
    tab.open("alice").set("note", "heron")
    wait_until(lambda: tab.status == "failed")
    server.limits = lambda record: ""
    tab.page.reload()
    tab.open("alice")
    wait_until(lambda: tab.status == "synced")
    assert server.dataset("alice").values() == {"note": "heron"}


def test_refusal_without_a_code_has_the_status(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    server.faults.append(answer_with(413, ""))
    tab.set("note", "heron")
    wait_until(lambda: tab.status == "failed")
    assert [event["code"] for event in tab.events("failed")] == ["http_413"]


@pytest.mark.parametrize("value", ["NaN", "undefined", "{ a: [NaN] }", "new Date(0)", "new Map()", "() => 1"])
def test_value_that_is_no_json_is_refused(server: DatasetServer, tab: Tab, value: str) -> None:
    tab.open("alice").set("note", "heron")
    script = f"() => dataset.set('note', {value}).catch((error) => error.name)"
    assert tab.page.evaluate(script) == "TypeError"
    assert tab.sync() == "synced"
    assert tab.values == server.dataset("alice").values() == {"note": "heron"}


def test_value_that_cannot_be_stored_stays_in_the_page(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").set("note", "heron")
    assert tab.sync() == "synced"
    tab.page.evaluate("""() => {
      window.put = IDBObjectStore.prototype.put;
      IDBObjectStore.prototype.put = () => { throw new DOMException("full", "QuotaExceededError"); };
    }""")
    script = "() => dataset.set('note', 'heron and coot').catch((error) => error.name)"
    assert tab.page.evaluate(script) == "QuotaExceededError"
    assert (tab.status, tab.get("note")) == ("failed", "heron and coot")
    assert tab.page.evaluate("() => dataset.entry('note').failed") == "not_stored"
    tab.page.evaluate("() => void (IDBObjectStore.prototype.put = put)")
    assert (tab.sync(), tab.get("note")) == ("failed", "heron and coot")
    tab.set("note", "coot")
    assert tab.sync() == "synced"
    assert server.dataset("alice").values() == {"note": "coot"}


# Polls


def test_polls_without_news_back_off(server: DatasetServer, tab: Tab) -> None:
    def delays() -> list[float]:
        return list(tab.page.evaluate("() => delays"))

    server.dataset("alice").write({"note": "heron"})
    tab.page.evaluate(RECORD_DELAYS)
    tab.open("alice", pollSeconds=0.2, pollMaxSeconds=1.6)
    wait_until(lambda: len(delays()) > 7)
    assert delays()[:8] == [0, 0.2, 0.2, 0.4, 0.8, 1.6, 1.6, 1.6]
    polls = server.received("GET")[:7]
    assert [request.status for request in polls] == [200, *[304] * 6]
    assert polls[-1].at - polls[0].at > 4.5  # the sum is 4.8 seconds
    server.dataset("alice").write({"note": "coot"})
    wait_until(lambda: tab.get("note") == "coot")
    wait_until(lambda: set(delays()[8:]) > {1.6})
    assert next(itertools.dropwhile(lambda delay: delay == 1.6, delays()[8:])) == 0.2


@pytest.mark.parametrize("status", [429, 503])
def test_retry_after_is_honoured_by_all_tabs(
    server: DatasetServer, tab: Tab, context: BrowserContext, new_tab: NewTab, status: int
) -> None:
    tab.open("alice").sync()
    server.faults.append(answer_with(status, "writes_limit", Retry_After="3"))
    tab.set("note", "heron")
    wait_until(lambda: len(server.received("POST")) == 1)
    wait_until(lambda: tab.status == ("pending" if status == 429 else "offline"))
    other = new_tab(context).open("alice")
    other.set("note", "heron and coot")
    other.sync()
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron and coot"})
    refused = server.received("POST")[0]
    later = server.requests[server.requests.index(refused) + 1 :]
    assert min(request.at for request in later) - refused.at > 2.9


def test_network_and_visibility_resume_polls(server: DatasetServer, tab: Tab, context: BrowserContext) -> None:
    tab.open("alice").sync()
    context.set_offline(True)
    wait_until(lambda: tab.status == "offline")
    context.set_offline(False)
    wait_until(lambda: tab.status == "synced")
    count = len(server.received("GET"))
    tab.page.evaluate("() => document.dispatchEvent(new Event('visibilitychange'))")
    wait_until(lambda: len(server.received("GET")) == count + 1)


def test_hidden_page_does_not_poll_but_sends(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", pollSeconds=0.2, pollMaxSeconds=0.2).sync()
    tab.page.evaluate("() => Object.defineProperty(document, 'hidden', { value: true })")
    tab.sync()  # a poll may have begun before
    count = len(server.received("GET"))
    time.sleep(1)
    assert len(server.received("GET")) == count
    tab.set("note", "heron")
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron"})


def test_page_that_is_hidden_sends_at_once(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", sendAfterSeconds=600).sync()
    tab.set("note", "heron")
    tab.page.evaluate("""() => {
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }""")
    wait_until(lambda: server.dataset("alice").values() == {"note": "heron"})


# Requests


def test_csrf_token_is_that_of_the_cookie_or_the_page(server: DatasetServer, tab: Tab, context: BrowserContext) -> None:
    tab.open("alice", csrfCookie="site_csrf").sync()
    field = "() => document.body.innerHTML = '<input type=hidden name=csrfmiddlewaretoken value=of-the-page>'"
    tab.page.evaluate(field)
    tab.set("a", 1)
    wait_until(lambda: tab.status == "synced")
    context.add_cookies([{"name": "site_csrf", "value": "of-the-cookie", "url": server.url}])
    tab.set("a", 2)
    wait_until(lambda: tab.status == "synced")
    tokens = [request.headers["x-csrftoken"] for request in server.received("POST")]
    assert tokens == ["of-the-page", "of-the-cookie"]


def test_values_are_not_stored_in_the_cache_of_the_browser(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice").sync()
    assert {request.headers["cache-control"] for request in server.received("GET")} == {"no-cache"}  # of "no-store"


def test_bearer_token_is_sent_with_each_request(server: DatasetServer, tab: Tab) -> None:
    wait_until(lambda: tab.page.evaluate("window.isLoaded"))
    tab.page.evaluate(
        "(options) => openDataset('drafts', { ...options, headers: async () => ({ Authorization: 'Bearer x' }) })",
        {**OPTIONS, "user": "alice"},
    )
    tab.set("note", "heron")
    wait_until(lambda: tab.status == "synced")
    assert {request.headers.get("authorization") for request in server.requests} == {"Bearer x"}


def test_headers_that_never_come_are_given_up(server: DatasetServer, tab: Tab) -> None:
    wait_until(lambda: tab.page.evaluate("window.isLoaded"))
    script = "(options) => openDataset('drafts', { ...options, headers: () => new Promise(() => {}) })"
    tab.page.evaluate(script, {**OPTIONS, "user": "alice", "timeoutSeconds": 0.5})
    wait_until(lambda: tab.status == "offline")
    assert server.requests == []


def test_invalid_name_or_missing_user_raises(tab: Tab) -> None:
    for name, user in (("..", "alice"), ("a/b", "alice"), ("", "alice"), ("drafts", "")):
        script = "([name, user]) => openDataset(name, { user }).catch((error) => error.name)"
        wait_until(lambda: tab.page.evaluate("window.isLoaded"))
        assert tab.page.evaluate(script, [name, user]) == "TypeError"


def test_closed_dataset_sends_nothing(server: DatasetServer, tab: Tab) -> None:
    tab.open("alice", pollSeconds=0.2, pollMaxSeconds=0.2).sync()
    tab.page.evaluate("() => dataset.sync().then(() => dataset.close())")  # no poll has begun
    count = len(server.requests)
    time.sleep(1)
    assert len(server.requests) == count
