"""The views of datasets: reading, writing, deleting, and the errors of each."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from django_cognito.datasets.models import Dataset, Operation, Record

from .api import URL, Api, error_of, record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


@pytest.fixture
def api(db: None, cognito_keys: None) -> Api:
    return Api()


def test_dataset_that_does_not_exist_is_empty(api) -> None:
    page = api.read()
    assert page == {
        "name": "settings",
        "id": None,
        "sync_count": 0,
        "records": [],
        "more": False,
        "next_since": 0,
        "start": 0,
    }
    assert "ETag" not in api.get()
    assert api.list().json() == {"datasets": []}


def test_written_records_are_read_in_order_of_count_and_key(api) -> None:
    first = api.write(record("b", {"x": [1, 2.5, None, "ä"]}), record("a", 1, device_time="2026-01-01T00:00:00Z"))
    assert first["written"] == [{"key": "b", "sync_count": 1}, {"key": "a", "sync_count": 1}]
    assert (first["name"], first["sync_count"], first["conflicts"]) == ("settings", 1, [])
    api.write(record("0", False))
    page = api.read()
    assert (page["id"], page["sync_count"], page["more"], page["next_since"]) == (first["id"], 2, False, 2)
    assert [(item["key"], item["value"], item["sync_count"]) for item in page["records"]] == [
        ("a", 1, 1),
        ("b", {"x": [1, 2.5, None, "ä"]}, 1),
        ("0", False, 2),
    ]
    assert [item["device_time"] for item in page["records"]] == ["2026-01-01T00:00:00Z", None, None]
    assert [item["key"] for item in api.read(since=1)["records"]] == ["0"]


def test_list_has_sizes_without_deletions_in_order_of_name(api) -> None:
    api.write(record("a", "ä"), record("b", 1), name="b")
    api.write(record("b", None, 1), name="b")
    api.write(record("x", 1), name="B")
    (upper, lower) = api.list().json()["datasets"]
    assert upper.pop("modified_at") > lower.pop("modified_at")
    assert upper == {"name": "B", "sync_count": 1, "records": 1, "bytes": 2}
    assert lower == {"name": "b", "sync_count": 2, "records": 1, "bytes": 5}


def test_outdated_record_is_a_conflict_with_the_server_record(api) -> None:
    api.write(record("a", "server"), record("b", "server"))
    answer = api.write(record("a", "device"), record("b", "device", 1), record("c", "device"))
    assert [item["key"] for item in answer["written"]] == ["b", "c"]
    (conflict,) = answer["conflicts"]
    assert (conflict["key"], conflict["value"], conflict["sync_count"]) == ("a", "server", 1)
    assert "deleted" not in conflict
    assert {item["key"]: item["value"] for item in api.read()["records"]} == {
        "a": "server",
        "b": "device",
        "c": "device",
    }


def test_conflict_about_an_unknown_key_is_a_deletion_of_count_0(api) -> None:
    (conflict,) = api.write(record("a", 1, 7))["conflicts"]
    assert (conflict["key"], conflict["value"], conflict["sync_count"], conflict["deleted"]) == ("a", None, 0, True)
    assert api.read()["sync_count"] == 0


def test_atomic_write_with_a_conflict_writes_nothing(api) -> None:
    api.write(record("a", 1))
    answer = api.write(record("a", 2), record("b", 2), atomic=True)
    assert (answer["written"], len(answer["conflicts"]), answer["sync_count"]) == ([], 1, 1)
    assert [(item["key"], item["value"]) for item in api.read()["records"]] == [("a", 1)]
    assert len(api.write(record("a", 2, 1), record("b", 2), atomic=True)["written"]) == 2


def test_deletion_is_a_record_without_value(api) -> None:
    api.write(record("a", 1))
    assert api.write(record("a", None, 1))["written"] == [{"key": "a", "sync_count": 2}]
    (deletion,) = api.read(since=1)["records"]
    assert (deletion["value"], deletion["deleted"], deletion["sync_count"]) == (None, True, 2)
    assert api.read()["records"] == []
    (conflict,) = api.write(record("a", 2, 0))["conflicts"]
    assert (conflict["sync_count"], conflict["deleted"]) == (2, True)
    assert api.write(record("a", 2, 2))["sync_count"] == 3


def test_deleting_what_does_not_exist_writes_no_row(api) -> None:
    api.write(record("a", 1))
    assert api.write(record("b", None))["written"] == [{"key": "b", "sync_count": 1}]
    assert Record.objects.count() == 1


def test_delete_makes_all_records_deletions_of_the_next_count(api) -> None:
    api.write(record("a"), record("b"))
    api.write(record("b", None, 1))
    assert api.delete().status_code == 204
    assert [(item["key"], item["sync_count"]) for item in api.read(since=2)["records"]] == [("a", 3)]
    assert api.delete().status_code == 204
    assert api.read()["sync_count"] == 3
    assert api.delete("other").status_code == 204
    assert [row.pop("modified_at") and row for row in api.list().json()["datasets"]] == [
        {"name": "settings", "sync_count": 3, "records": 0, "bytes": 0}
    ]
    assert api.write(record("a", 1, 3))["sync_count"] == 4


def test_poll_without_news_is_304_without_body(api) -> None:
    api.write(record("a"))
    response = api.get(since=1)
    etag = response["ETag"]
    assert etag == f'"{Dataset.objects.get().pk.hex}-1"'
    assert response["Cache-Control"] == "private, no-cache"
    assert {"Cookie", "Authorization"} <= set(response["Vary"].split(", "))
    for header in (etag, f"W/{etag}", f'"other", {etag}'):
        unchanged = api.get(since=1, headers={"if-none-match": header})
        assert (unchanged.status_code, unchanged.content, unchanged["ETag"]) == (304, b"", etag)
        assert unchanged["Cache-Control"] == "private, no-cache"
        assert {"Cookie", "Authorization"} <= set(unchanged["Vary"].split(", "))
    api.write(record("b"))
    assert api.get(since=1, headers={"if-none-match": etag}).status_code == 200


def test_resync_is_required_for_a_count_the_dataset_never_had(api) -> None:
    assert error_of(api.get(since=1)) == (410, "resync_required")
    api.write(record("a"))
    assert api.get(since=1).status_code == 200
    assert error_of(api.get(since=2)) == (410, "resync_required")
    assert error_of(api.get(since=1, start=2)) == (410, "resync_required")


def test_invalid_since_is_rejected(api) -> None:
    for value in ("-1", "a", "", "1.0", "\u0661", str(2**63)):
        for query in ({"since": value}, {"since": "1", "start": value}):
            assert error_of(api.get(**query)) == (400, "since_invalid"), value


@pytest.mark.parametrize(
    ("name", "status"),
    [
        pytest.param("a" * 129, 400, id="long"),
        pytest.param("a" * 128, 200, id="longest"),
        pytest.param("A-Za-z0-9_.:-", 200, id="all"),
        pytest.param("a%20b", 400, id="space"),
        pytest.param("%C3%A4", 400, id="umlaut"),
        pytest.param("a%0A", 400, id="newline"),
    ],
)
def test_names_of_datasets_are_checked(api, name, status) -> None:
    assert api.get(name).status_code == status
    assert api.post(record(), name=name).status_code == status
    assert api.delete(name).status_code == (204 if status == 200 else 400)


BODIES: dict[str, tuple[Any, str]] = {
    "no JSON": ("{", "body_invalid"),
    "list": ([], "body_invalid"),
    "NaN": ('{"operation_id": "a", "records": [{"key": "a", "value": NaN, "sync_count": 0}]}', "body_invalid"),
    "infinite": ('{"operation_id": "a", "records": [{"key": "a", "value": 1e999, "sync_count": 0}]}', "body_invalid"),
    "deep": ("[" * 200_000, "records_invalid"),
    "not UTF-8": (b"\xff\xff", "body_invalid"),
    "atomic": ({"operation_id": "a", "records": [record()], "atomic": 1}, "body_invalid"),
    "no operation": ({"records": [record()]}, "operation_id_invalid"),
    "operation of another type": ({"operation_id": 1, "records": [record()]}, "operation_id_invalid"),
    "long operation": ({"operation_id": "a" * 129, "records": [record()]}, "operation_id_invalid"),
    "operation with a space": ({"operation_id": "a b", "records": [record()]}, "operation_id_invalid"),
    "no records": ({"operation_id": "a"}, "records_invalid"),
    "empty records": ({"operation_id": "a", "records": []}, "records_invalid"),
    "record of another type": ({"operation_id": "a", "records": [1]}, "records_invalid"),
    "no value": ({"operation_id": "a", "records": [{"key": "a", "sync_count": 0}]}, "records_invalid"),
    "no count": ({"operation_id": "a", "records": [{"key": "a", "value": 0}]}, "records_invalid"),
    "boolean count": ({"operation_id": "a", "records": [record(sync_count=True)]}, "records_invalid"),
    "negative count": ({"operation_id": "a", "records": [record(sync_count=-1)]}, "records_invalid"),
    "large count": ({"operation_id": "a", "records": [record(sync_count=2**63)]}, "records_invalid"),
    "empty key": ({"operation_id": "a", "records": [record("")]}, "records_invalid"),
    "long key": ({"operation_id": "a", "records": [record("ä" * 1_025)]}, "records_invalid"),
    "key with NUL": ({"operation_id": "a", "records": [record("\0")]}, "records_invalid"),
    "key with a lone surrogate": ({"operation_id": "a", "records": [record("\ud800")]}, "records_invalid"),
    "key of another type": ({"operation_id": "a", "records": [record(1)]}, "records_invalid"),  # type: ignore[arg-type]
    "key twice": ({"operation_id": "a", "records": [record("a"), record("a", 2)]}, "records_invalid"),
    "device time": ({"operation_id": "a", "records": [record(device_time="yesterday")]}, "records_invalid"),
    "device time of another type": ({"operation_id": "a", "records": [record(device_time=1)]}, "records_invalid"),
    "long device time": (
        {"operation_id": "a", "records": [record(device_time="2026-01-01T00:00:00." + "0" * 21)]},
        "records_invalid",
    ),
}


@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.replace(" ", "_"))
def test_invalid_body_is_rejected_and_writes_nothing(api, case) -> None:
    body, code = BODIES[case]
    assert error_of(api.post_body(body)) == (400, code)
    assert not Dataset.objects.exists()


def test_other_content_types_are_rejected(api) -> None:
    body = json.dumps({"operation_id": "a", "records": [record()]})
    assert error_of(api.post_body(body, content_type="text/plain")) == (400, "body_invalid")
    assert api.post_body(body, content_type="application/json; charset=utf-8").status_code == 200


@pytest.mark.parametrize(
    ("key", "value"),
    [
        pytest.param("\N{PILE OF POO}" * 1_024, 1, id="longest"),
        pytest.param("A", 1, id="case"),
        pytest.param("x", "\ud83d", id="surrogate"),
        pytest.param("x", "\0", id="nul"),
        pytest.param("x", {"b": 1, "a": 2}, id="order"),
        pytest.param("x", 12345678901234567890, id="number"),
        pytest.param("x", 1.0, id="decimal"),
        pytest.param("x", "", id="empty"),
        pytest.param("x", False, id="false"),
        pytest.param("x", [None, {"": []}], id="nested"),
    ],
)
def test_keys_and_values_are_returned_exactly(api, key, value) -> None:
    api.write(record("a", 0), record(key, value))
    text = api.get().content.decode()
    (stored,) = (item for item in json.loads(text)["records"] if item["key"] == key)
    assert json.dumps(stored["value"]) == json.dumps(value)


def test_keys_that_differ_in_case_accents_or_spaces_are_different(api) -> None:
    keys = ["a", "A", "ä", "a ", "a\u0308"]
    api.write(*(record(key, key) for key in keys))
    assert {item["key"] for item in api.read()["records"]} == set(keys)


def test_other_methods_are_rejected(api) -> None:
    assert api.client.put(f"{URL}settings/", headers=api.headers).status_code == 405
    assert api.client.post(URL, headers=api.headers).status_code == 405
    assert api.client.head(f"{URL}settings/", headers=api.headers).status_code == 200


def test_unused_client_needs_no_session(api) -> None:
    api.write(record())
    assert "sessionid" not in api.client.cookies


# operations


def test_repeated_operation_is_written_once_and_answered_the_same(api) -> None:
    api.write(record("a", "server"))
    body = {"operation_id": "one", "records": [record("a", "mine"), record("b", "mine")]}
    first = api.post_body(body)
    api.write(record("a", "later", 1), record("b", "later", 2))
    again = api.post_body(json.dumps(body, indent=2))
    assert (again.status_code, again.content) == (200, first.content)
    assert again["Content-Type"] == first["Content-Type"] == "application/json"
    assert api.read()["sync_count"] == 3


def test_operation_id_with_another_body_is_rejected(api) -> None:
    api.write(record("a", 1), operation_id="one")
    for other in (record("a", 2), record("a", 1, 1), record("a", 1, device_time="2026-01-01")):
        assert error_of(api.post(other, operation_id="one")) == (409, "operation_id_reused")
    assert error_of(api.post(record("a", 1), operation_id="one", atomic=True)) == (409, "operation_id_reused")
    assert api.read()["sync_count"] == 1


def test_operation_ids_belong_to_one_user_and_dataset(api) -> None:
    for user in (api, Api("bob")):
        for name in ("a", "A"):
            assert user.write(record("a", 1), operation_id="one", name=name)["sync_count"] == 1
            assert user.write(record("a", 1), operation_id="ONE", name=name)["sync_count"] == 1
    assert Operation.objects.count() == 8


def test_operation_is_forgotten_after_a_day(api) -> None:
    first = api.write(record("a", 1), operation_id="one")
    operation = Operation.objects.get()
    operation.created_at -= timedelta(hours=23, minutes=59)
    operation.save()
    assert api.write(record("a", 1), operation_id="one") == first
    operation.created_at -= timedelta(minutes=1)
    operation.save()
    assert len(api.write(record("a", 1), operation_id="one")["conflicts"]) == 1
    assert Operation.objects.count() == 1


def test_operation_is_repeated_although_the_limit_of_writes_is_reached(api, cognito) -> None:
    cognito(DATASETS_MAX_WRITES=1)
    first = api.write(record("a", 1), operation_id="one")
    assert api.post(record("b", 1)).status_code == 429
    assert api.write(record("a", 1), operation_id="one") == first


def test_refused_write_can_be_sent_again(api, cognito) -> None:
    cognito(DATASETS_MAX_RECORDS=1)
    api.write(record("a", 1))
    assert error_of(api.post(record("b", 1), operation_id="one")) == (409, "records_limit")
    api.write(record("a", None, 1))
    assert len(api.write(record("b", 1), operation_id="one")["written"]) == 1


def test_views_without_the_middleware_use_the_session(settings, client: Client, django_user_model) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "django_cognito" not in name]
    client.force_login(django_user_model.objects.create_user("local"), "django.contrib.auth.backends.ModelBackend")
    response = Api(headers={}, client=client).get()
    assert response.json()["records"] == []
    assert {"Cookie", "Authorization"} <= set(response["Vary"].split(", "))
    assert error_of(Api().get()) == (401, "not_authenticated")


def test_answers_to_writes_are_not_stored(api) -> None:
    for response in (api.post(record("a")), api.post(record("a")), api.delete(), api.delete()):
        assert response["Cache-Control"] == "no-store"
    assert api.list()["Cache-Control"] == "private, no-cache"
