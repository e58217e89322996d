"""Writes, losses, repeats and polls of up to five devices in any order, compared with an oracle after each of them."""

import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from django_cognito.conf.loading import get_settings
from django_cognito.datasets import reading, writing
from django_cognito.datasets.changes import parse_request
from tests.support.sizes import choose_size

pytestmark = pytest.mark.django_db
NAME = "drafts"


class Edit(NamedTuple):
    """A device changes or deletes (None) records, and queues the write. Its clock states any time."""

    device: int
    values: Mapping[str, int | None]
    is_atomic: bool
    device_time: str


class Send(NamedTuple):
    """A device sends one of its queued writes; if the answer is lost, the write stays in the queue."""

    device: int
    number: int
    is_lost: bool


class Poll(NamedTuple):
    """A device reads what has changed."""

    device: int


class Remove(NamedTuple):
    """All records are deleted."""


@dataclass
class Oracle:
    """The state of a dataset by the rules of the issue and nothing else."""

    count: int = 0
    records: dict[str, tuple[int | None, int, str]] = field(default_factory=dict)  # value, count, device time
    answers: dict[str, tuple[list[str], list[tuple[str, int | None, int]], int]] = field(default_factory=dict)

    def write(self, body: dict[str, Any]) -> tuple[list[str], list[tuple[str, int | None, int]], int]:
        """Return the written keys, the conflicts and the count of the answer."""
        if body["operation_id"] in self.answers:
            return self.answers[body["operation_id"]]
        conflicts, accepted = [], []
        for item in body["records"]:
            value, count, _ = self.records.get(item["key"], (None, 0, ""))
            if count == item["sync_count"]:
                accepted.append(item)
            else:
                conflicts.append((item["key"], value, count))
        if conflicts and body["atomic"]:
            accepted = []
        changing = [item for item in accepted if item["value"] is not None or item["key"] in self.records]
        self.count += bool(changing)
        for item in changing:
            self.records[item["key"]] = (item["value"], self.count, item["device_time"])
        answer = sorted(item["key"] for item in accepted), conflicts, self.count
        if self.count:  # otherwise there is no dataset that could have the operation
            self.answers[body["operation_id"]] = answer
        return answer

    def remove(self) -> None:
        existing = [key for key, (value, *_) in self.records.items() if value is not None]
        self.count += bool(existing)
        self.records |= dict.fromkeys(existing, (None, self.count, ""))


@dataclass
class Device:
    """What a device has stored: its records, the count it has read to, and the writes without an answer."""

    records: dict[str, tuple[int | None, int]] = field(default_factory=dict)
    since: int = 0
    queue: list[dict[str, Any]] = field(default_factory=list)

    def edit(self, event: Edit) -> None:
        items = [
            {"key": key, "value": value, "sync_count": self.records.get(key, (None, 0))[1]}
            for key, value in event.values.items()
        ]
        records = [{**item, "device_time": event.device_time} for item in items]
        self.queue.append({"operation_id": uuid.uuid4().hex, "records": records, "atomic": event.is_atomic})

    def apply(self, body: dict[str, Any], answer: dict[str, Any]) -> None:
        """Store what was written, and the server's records of the conflicts.

        The answer to a repeated write is that of the first one: what the device has read since then is newer.
        """
        values = {item["key"]: item["value"] for item in body["records"]}
        stored = [(item["key"], values[item["key"]], item["sync_count"]) for item in answer["written"]]
        stored += [(item["key"], item["value"], item["sync_count"]) for item in answer["conflicts"]]
        for key, value, count in stored:
            if value is not None and count > max(self.since, self.records.get(key, (None, 0))[1]):
                self.records[key] = (value, count)

    def poll(self, user: User) -> None:
        """Read page by page, and assert that no count is repeated or out of order.

        From 0 it is the whole dataset, without deletions: what the device has of its own writes is replaced.
        """
        start = None
        if self.since == 0:
            self.records.clear()
        while True:
            page = reading.read_page(user, NAME, self.since, start)
            counts = [record.sync_count for record in page.records]
            assert counts == sorted(counts)
            assert all(self.since < count <= page.next_since for count in counts)
            for record in page.records:
                value = None if record.value is None else json.loads(record.value)
                self.records[record.key] = (value, record.sync_count)
            self.since, start = page.next_since, page.start
            if not page.has_more:
                return


def send(user: User, body: dict[str, Any]) -> str:
    return writing.write_records(user, NAME, parse_request(json.dumps(body).encode(), get_settings()))


def compare_records(user: User, oracle: Oracle) -> None:
    page = reading.read_page(user, NAME, 0)
    while page.has_more:
        rest = reading.read_page(user, NAME, page.next_since, page.start)
        page = rest._replace(records=page.records + rest.records)
    stored = {item.key: (json.loads(item.value or ""), item.sync_count, item.device_time) for item in page.records}
    assert stored == {key: record for key, record in oracle.records.items() if record[0] is not None}
    assert page.version.sync_count == oracle.count


DEVICES = st.integers(0, 4)
TIMES = st.datetimes().map(lambda time: time.isoformat())
VALUES = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(0, 3), min_size=1, max_size=3)
EDITS = st.builds(Edit, DEVICES, VALUES, st.booleans(), TIMES)
SENDS = st.builds(Send, DEVICES, st.integers(0, 3), st.booleans())
HISTORIES = st.lists(EDITS | SENDS | SENDS | st.builds(Poll, DEVICES) | st.builds(Remove), max_size=30)
_PAST, _FUTURE = "0001-01-01T00:00:00", "9999-12-31T23:59:59"


@settings(
    max_examples=choose_size(25, 1_000), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(
    history=[
        Edit(0, {"a": 1}, False, _FUTURE),
        Edit(1, {"a": 2}, False, _PAST),
        Send(0, 0, True),
        Send(1, 0, False),
        Send(0, 0, False),
    ]
)
@example(
    history=[
        Edit(0, {"a": 1, "b": 1}, True, _PAST),
        Send(0, 0, False),
        Remove(),
        Edit(0, {"a": 2, "b": None}, True, _FUTURE),
        Send(0, 0, False),
        Poll(0),
    ]
)
@example(
    history=[Edit(0, {"a": 1, "b": 1}, True, _PAST), Send(0, 0, True), Remove(), Poll(0), Send(0, 0, False)],
)
@given(history=HISTORIES)
def test_devices_and_server_match_the_oracle_at_each_step(history, cognito, monkeypatch) -> None:
    cognito(DATASETS_MAX_WRITES=1_000_000)
    monkeypatch.setattr(reading, "PAGE_SIZE", 2)
    user = User.objects.create(username=uuid.uuid4().hex)
    oracle, devices = Oracle(), [Device() for _ in range(5)]
    for event in history:
        if isinstance(event, Edit):
            devices[event.device].edit(event)
        elif isinstance(event, Poll):
            devices[event.device].poll(user)
        elif isinstance(event, Remove):
            writing.delete_records(user, NAME)
            oracle.remove()
        elif devices[event.device].queue:
            compare_write(user, oracle, devices[event.device], event)
        if not isinstance(event, Edit):
            compare_records(user, oracle)
    for number, device in enumerate(devices):
        while device.queue:
            compare_write(user, oracle, device, Send(number, 0, False))
    for device in devices:
        device.poll(user)
    compare_records(user, oracle)
    expected = {key: (value, count) for key, (value, count, _) in oracle.records.items()}
    for device in devices:
        live = {key: record for key, record in device.records.items() if record[0] is not None}
        assert live == {key: record for key, record in expected.items() if record[0] is not None}
        assert device.records.items() <= expected.items()


def compare_write(user: User, oracle: Oracle, device: Device, event: Send) -> None:
    body = device.queue[event.number % len(device.queue)]
    text = send(user, body)
    assert send(user, body) == text  # the network delivers it twice
    answer = json.loads(text)
    conflicts = [(item["key"], item["value"], item["sync_count"]) for item in answer["conflicts"]]
    stored = sorted(item["key"] for item in answer["written"]), conflicts, answer["sync_count"]
    assert stored == oracle.write(body)
    if not event.is_lost:
        device.queue.remove(body)
        device.apply(body, answer)
