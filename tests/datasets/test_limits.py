"""The limits of datasets: each at its edge and one over. What is refused writes nothing."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from django_cognito.core.clock import utc_now
from django_cognito.datasets import clean_up, writing
from django_cognito.datasets.access import UserDataset
from django_cognito.datasets.errors import DatasetError
from django_cognito.datasets.models import Dataset, Operation, Record

from .api import URL, Api, error_of, record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.fixture
def api(db: None, cognito_keys: None) -> Api:
    return Api()


def count_rows() -> tuple[int, int, int]:
    return Dataset.objects.count(), Record.objects.count(), Operation.objects.count()


def test_number_of_datasets_is_limited(api, cognito) -> None:
    cognito(DATASETS_MAX_WRITES=100)
    for number in range(20):
        api.write(record(), name=f"d{number}")
    assert error_of(api.post(record(), name="d20")) == (409, "datasets_limit")
    assert count_rows() == (20, 20, 20)
    api.write(record("another"), name="d19")
    Api("bob").write(record())


def test_number_of_records_is_limited(api) -> None:
    api.write(*(record(f"k{number}", number) for number in range(1_023)))
    before = count_rows()
    assert error_of(api.post(record("a"), record("b"))) == (409, "records_limit")
    assert count_rows() == before
    api.write(record("a"))
    assert error_of(api.post(record("b"))) == (409, "records_limit")
    answer = api.write(record("k0", None, 1), record("b"))
    assert len(answer["written"]) == 2
    assert api.list().json()["datasets"][0]["records"] == 1_024


def test_number_of_records_of_a_request_is_limited(api) -> None:
    absent = [record(f"k{number}", None) for number in range(1_025)]
    assert error_of(api.post(*absent)) == (409, "records_limit")
    assert len(api.write(*absent[:1_024])["written"]) == 1_024


def test_size_of_a_value_is_limited(api) -> None:
    longest = "ä" * 51_199  # 102,398 bytes and two quotation marks
    api.write(record("a", longest))
    for value in (longest + "a", {"a": longest}):
        assert error_of(api.post(record("b", value))) == (413, "value_too_large")
    assert error_of(api.post(record("b"), record("c", longest + "a"))) == (413, "value_too_large")
    assert count_rows() == (1, 1, 1)


def test_size_of_a_dataset_is_limited(api, cognito) -> None:
    cognito(DATASETS_MAX_BYTES=1_024, DATASETS_MAX_VALUE_BYTES=2_000)
    api.write(record("ä", "x" * 998))  # 2 bytes of the key, 1,000 of the value
    before = count_rows()
    assert error_of(api.post(record("b", "x" * 20))) == (409, "dataset_too_large")
    assert count_rows() == before
    api.write(record("b", "x" * 19))
    assert api.list().json()["datasets"][0]["bytes"] == 1_024
    assert error_of(api.post(record("b", "x" * 20, 2))) == (409, "dataset_too_large")
    api.write(record("b", "x" * 18, 2))
    api.write(record("ä", None, 1))
    assert api.list().json()["datasets"][0]["bytes"] == 21


def test_default_size_of_a_dataset_is_a_mebibyte(api) -> None:
    value = "x" * (102_400 - 4)  # a key of two bytes and two quotation marks
    api.write(*(record(f"k{number}", value) for number in range(10)))
    rest = 1_048_576 - 10 * 102_400 - 4
    assert error_of(api.post(record("k_", "x" * (rest + 1)))) == (409, "dataset_too_large")
    api.write(record("k_", "x" * rest))


def test_records_over_a_lowered_limit_can_shrink(api, cognito) -> None:
    api.write(record("a", "x" * 2_000), record("b", "x" * 2_000), record("c", 1))
    cognito(DATASETS_MAX_BYTES=1_536, DATASETS_MAX_RECORDS=1)
    api.write(record("a", "x" * 1_999, 1))
    api.write(record("c", None, 1))
    assert error_of(api.post(record("a", "x" * 2_000, 2))) == (409, "dataset_too_large")
    assert error_of(api.post(record("d", 1))) == (409, "records_limit")


def test_size_of_a_request_is_limited(api, cognito) -> None:
    cognito(DATASETS_MAX_BYTES=1_024)
    body = {"operation_id": "one", "records": [record()]}
    longest = json.dumps(body).ljust(2_048)
    assert error_of(api.post_body(longest + " ")) == (413, "request_too_large")
    assert api.post_body(longest).status_code == 200


def test_limit_of_django_for_a_request_is_413(api, settings) -> None:
    settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    assert error_of(api.post(record("a", "x" * 100))) == (413, "request_too_large")


def test_length_of_a_request_is_checked_before_it_is_read(api, cognito) -> None:
    cognito(DATASETS_MAX_BYTES=1_024)

    class Unread:
        def read(self, *_: Any) -> bytes:
            raise AssertionError("the body was read")

        readline = read

    response = api.client.generic(
        "POST",
        f"{URL}settings/",
        content_type="application/json",
        headers=api.headers,
        CONTENT_LENGTH="2049",
        CONTENT_TYPE="application/json",
        **{"wsgi.input": Unread()},
    )
    assert error_of(response) == (413, "request_too_large")


def test_number_of_writes_in_a_minute_is_limited(api, cognito, monkeypatch) -> None:
    now = utc_now()
    monkeypatch.setattr(writing, "utc_now", lambda: now)
    for number in range(60):
        api.write(record(f"k{number}"), name=f"d{number % 2}")
        now += timedelta(seconds=0.5)
    response = api.post(record("a"))
    assert (*error_of(response), response["Retry-After"]) == (429, "writes_limit", "30")
    assert api.read("settings")["id"] is None
    Api("bob").write(record())
    now += timedelta(seconds=29.9)
    assert api.post(record("a")).status_code == 429
    now += timedelta(seconds=0.1)
    api.write(record("a"))


def test_answers_of_a_day_are_limited(api, monkeypatch, cognito) -> None:
    now = utc_now()
    monkeypatch.setattr(writing, "_MAX_ANSWER_BYTES", 2_000)
    monkeypatch.setattr(writing, "utc_now", lambda: now)
    api.write(record("a", "x" * 700))
    for _ in range(2):
        assert len(api.write(record("a"))["conflicts"]) == 1
    response = api.post(record("a"))
    assert error_of(response) == (409, "answers_limit")
    assert "Retry-After" not in response  # with it the client would wait with all its datasets
    monkeypatch.setattr(writing, "utc_now", lambda: now + timedelta(days=1, seconds=5))
    assert len(api.write(record("a"))["conflicts"]) == 1
    assert Operation.objects.count() == 1
    assert Dataset.objects.get().answer_bytes == len(Operation.objects.get().answer)


def test_python_code_has_the_limits_without_that_of_writes(db, cognito) -> None:
    cognito(DATASETS_MAX_WRITES=1, DATASETS_MAX_RECORDS=2, DATASETS_MAX_COUNT=1, DATASETS_MAX_VALUE_BYTES=10)
    user = User.objects.create_user("local")
    settings = UserDataset(user, "settings")
    for key in ("a", "b", "a"):
        settings.set(key, 1)
    codes = []
    for call in (
        lambda: settings.set("c", 1),
        lambda: UserDataset(user, "other").set("a", 1),
        lambda: settings.set("a", "x" * 9),
        lambda: settings.set("", 1),
        lambda: UserDataset(user, "a b"),
    ):
        with pytest.raises(DatasetError) as error:
            call()
        codes.append(error.value.code)
    assert codes == ["records_limit", "datasets_limit", "value_too_large", "records_invalid", "dataset_name_invalid"]


def nest(levels: int) -> Any:
    value: Any = []
    for number in range(levels - 1):
        value = [value] if number % 2 else {"a": value, "b": 1}
    return value


def test_depth_of_a_value_is_limited(api) -> None:
    deepest = nest(100)
    api.write(record("a", deepest))
    assert api.write(record("a", 1))["conflicts"][0]["value"] == deepest
    assert api.read()["records"][0]["value"] == deepest
    dataset = UserDataset(User.objects.get(), "settings")
    assert dataset.read_all() == {"a": deepest}
    for levels in (101, 910):
        assert error_of(api.post(record("b", nest(levels)))) == (400, "records_invalid")
    deep = '{"operation_id": "deep", "records": [{"key": "b", "sync_count": 0, "value": %s}]}'
    assert error_of(api.post_body(deep % ("[" * 100_000 + "]" * 100_000))) == (400, "records_invalid")
    for value in (nest(101), (nest(100),), nest(100_000)):
        with pytest.raises(DatasetError) as error:
            dataset.set("b", value)
        assert error.value.code == "records_invalid"


def test_request_that_writes_nothing_creates_no_dataset(api, cognito) -> None:
    cognito(DATASETS_MAX_COUNT=1)
    for number in range(3):
        conflict = api.write(record("a", 1, 7), name=f"c{number}")
        atomic = api.write(record("a", 1, 7), record("b", 1), name=f"a{number}", atomic=True)
        absent = api.write(record("a", None), name=f"d{number}")
        assert [answer["id"] for answer in (conflict, atomic, absent)] == [None] * 3
        assert [len(answer["conflicts"]) for answer in (conflict, atomic, absent)] == [1, 1, 0]
        assert absent["written"] == [{"key": "a", "sync_count": 0}]
    UserDataset(User.objects.get(), "python").set("a", None)
    assert count_rows() == (0, 0, 0)
    assert api.list().json() == {"datasets": []}
    api.write(record())


def test_operation_that_wrote_nothing_is_tried_again_without_a_dataset(api) -> None:
    first = api.write(record("a", None), operation_id="one")
    assert api.write(record("a", None), operation_id="one") == first
    api.write(record("a", 1))
    answer = api.write(record("a", None), operation_id="one")
    assert [item["value"] for item in answer["conflicts"]] == [1]
    assert api.write(record("a", None), operation_id="one") == answer


def test_writes_of_a_clock_that_was_ahead_do_not_count(api, cognito, monkeypatch) -> None:
    cognito(DATASETS_MAX_WRITES=1)
    now = utc_now()
    monkeypatch.setattr(writing, "utc_now", lambda: now + timedelta(hours=5))
    api.write(record("a"))
    monkeypatch.setattr(writing, "utc_now", lambda: now)
    api.write(record("b"))
    response = api.post(record("c"))
    assert (*error_of(response), response["Retry-After"]) == (429, "writes_limit", "60")


def test_clean_up_of_a_clock_that_was_ahead_is_repeated() -> None:
    now = utc_now()
    due = [clean_up.is_due(Dataset(cleaned_at=now + timedelta(hours=hours)), now) for hours in (-1, -0.9, 0.9, 24)]
    assert due == [True, False, False, True]


def test_keys_of_deletions_are_limited(api, cognito) -> None:
    cognito(DATASETS_MAX_BYTES=1_024)
    keys = [f"{number}".rjust(800, "x") for number in range(7)]  # five have less than 4,096 bytes
    for number, key in enumerate(keys):
        api.write(record(key))
        if number % 2:
            api.delete()
        else:
            api.write(record(key, None, 2 * number + 1))
    assert sorted(item.key[-1] for item in Record.objects.all()) == ["2", "3", "4", "5", "6"]
    assert (Dataset.objects.get().deletion_count, Dataset.objects.get().byte_count) == (5, 0)
    assert error_of(api.get(since=3)) == (410, "resync_required")
    assert len(api.read(since=4)["records"]) == 5
