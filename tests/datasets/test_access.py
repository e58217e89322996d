"""Who may use which dataset over HTTP, and the datasets of a user for Python code."""

import json
import logging
import uuid
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.apps import apps
from django.contrib.auth.models import AnonymousUser, User
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.http import JsonResponse
from django.test import AsyncRequestFactory, Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import path, reverse

from django_cognito.datasets import writing
from django_cognito.datasets.access import RequestDatasets, UserDataset
from django_cognito.datasets.export import export_datasets
from django_cognito.datasets.models import Dataset, Operation, Record
from django_cognito.datasets.signals import dataset_changed
from django_cognito.sessions.ending.sign_out import sign_out_everywhere
from django_cognito.testing import make_token, sign_in
from django_cognito.web.request import RequestCognito
from tests.support.callers import bearer
from tests.support.error_reports import report_of

from .api import URL, Api, error_of, record

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("cognito_keys")]


def every_call(api: Api) -> list[Any]:
    return [api.list(), api.get(), api.post(record()), api.delete()]


def test_anonymous_request_is_401() -> None:
    for response in every_call(Api(headers={}, client=Client())):
        assert error_of(response) == (401, "not_authenticated")
        assert response["WWW-Authenticate"] == "Bearer"
        assert response.json()["login_url"] == "/auth/login/"
        assert response["Cache-Control"] == "no-store"


def test_invalid_token_is_401_and_the_session_is_not_used(client) -> None:
    sign_in(client, "alice")
    for response in every_call(Api(headers=bearer(make_token(exp=1)), client=client)):
        assert error_of(response) == (401, "token_expired")


def test_machine_to_machine_client_is_403(cognito) -> None:
    machine = Api(headers=bearer(make_token(username=None)))
    for response in every_call(machine):
        assert error_of(response) == (403, "user_required")


def test_service_user_is_403(cognito, settings) -> None:
    User.objects.create_user("importer")
    cognito(SERVICE_USERS={settings.COGNITO["CLIENT_ID"]: "importer"})
    for response in every_call(Api(headers=bearer(make_token(username=None)))):
        assert error_of(response) == (403, "user_required")
    assert not Dataset.objects.exists()


def test_session_of_a_cognito_login_can_write(client) -> None:
    sign_in(client, "alice")
    assert Api(headers={}, client=client).write(record())["sync_count"] == 1


def test_session_of_a_local_password_can_write(client) -> None:
    client.force_login(User.objects.create_user("local"), "django.contrib.auth.backends.ModelBackend")
    assert Api(headers={}, client=client).write(record())["sync_count"] == 1
    assert Dataset.objects.get().user.username == "local"


def test_session_without_csrf_token_is_403() -> None:
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "alice")
    api = Api(headers={}, client=client)
    assert (api.list().status_code, api.get().status_code) == (200, 200)
    for response in (api.post(record()), api.delete()):
        assert error_of(response) == (403, "csrf_failed")
    token = "a" * 32
    client.cookies["csrftoken"] = token
    api.headers = {"X-CSRFToken": token}
    assert (api.post(record()).status_code, api.delete().status_code) == (200, 204)


def test_csrf_is_checked_without_the_middleware_of_django(settings) -> None:
    settings.MIDDLEWARE = [name for name in settings.MIDDLEWARE if "Csrf" not in name]
    client = Client(enforce_csrf_checks=True)
    sign_in(client, "alice")
    assert error_of(Api(headers={}, client=client).post(record())) == (403, "csrf_failed")
    assert Api("bob").post(record()).status_code == 200


def test_token_of_a_load_balancer_needs_a_csrf_token(cognito) -> None:
    cognito(TOKEN_SOURCES=["Authorization", "X-Amzn-Oidc-Accesstoken"])
    api = Api(headers={"X-Amzn-Oidc-Accesstoken": make_token()})
    assert api.get().status_code == 200
    assert "X-Amzn-Oidc-Accesstoken" in api.get()["Vary"]
    assert api.post(record()).status_code == 403
    assert not Dataset.objects.exists()


def test_views_work_with_login_required_middleware(settings) -> None:
    settings.MIDDLEWARE = [*settings.MIDDLEWARE, "django.contrib.auth.middleware.LoginRequiredMiddleware"]
    for response in every_call(Api(headers={}, client=Client())):
        assert error_of(response) == (401, "not_authenticated")
    assert Api().post(record()).status_code == 200


def test_disabled_and_revoked_users_are_rejected(client) -> None:
    user = sign_in(client, "alice")
    session, token = Api(headers={}, client=client), Api("alice")
    assert {response.status_code for api in (session, token) for response in every_call(api)} <= {200, 204}
    user.is_active = False
    user.save()
    assert {response.status_code for api in (session, token) for response in every_call(api)} == {401}
    user.is_active = True
    user.save()
    sign_out_everywhere(user)
    assert {response.status_code for api in (session, token) for response in every_call(api)} == {401}


def test_datasets_of_another_user_are_never_read_or_changed(call_with_queries) -> None:
    alice, bob = Api("alice"), Api("bob")
    secret = alice.write(record("diary", "secret"), operation_id="one")
    etag = alice.get(since=1)["ETag"]
    assert bob.list().json() == {"datasets": []}
    response = bob.get(headers={"if-none-match": etag})
    assert (response.status_code, response.json()["records"]) == (200, [])
    assert bob.get(secret["id"]).json()["records"] == []
    assert bob.delete().status_code == 204
    (conflict,) = bob.write(record("diary", "mine", 1), operation_id="one")["conflicts"]
    assert (conflict["value"], conflict["sync_count"]) == (None, 0)
    answer = bob.write(record("diary", "mine"), operation_id="two")
    assert answer["id"] != secret["id"]
    assert error_of(bob.get(since=2)) == (410, "resync_required")
    assert [item["value"] for item in alice.read()["records"]] == ["secret"]
    assert alice.get(headers={"if-none-match": bob.get()["ETag"]}).status_code == 200
    pk = Record.objects.get(value='"secret"').pk
    assert bob.get(str(pk)).json()["records"] == []


def test_session_that_changes_its_user_reads_the_other_datasets(client) -> None:
    sign_in(client, "alice")
    Api(headers={}, client=client).write(record("a", 1))
    etag = Api(headers={}, client=client).get()["ETag"]
    client.logout()
    sign_in(client, "bob")
    response = Api(headers={}, client=client).get(headers={"if-none-match": etag})
    assert (response.status_code, response.json()["records"]) == (200, [])


def test_values_are_in_no_log_and_no_error_response(caplog, cognito) -> None:
    cognito(DATASETS_MAX_RECORDS=1, DATASETS_MAX_VALUE_BYTES=20)
    caplog.set_level(logging.DEBUG)
    api = Api()
    texts = []
    for body in (
        {"operation_id": "a", "records": [record("SECRET", "SECRET")]},
        {"operation_id": "a", "records": [record("SECRET", "SECRET2")]},
        {"operation_id": "b", "records": [record("SECRET2", "SECRET")]},
        {"operation_id": "c", "records": [record("SECRET", "SECRET" * 10)]},
        {"operation_id": "SECRET!", "records": [record("SECRET", "SECRET")]},
        {"operation_id": "d", "records": [record("SECRET", device_time="SECRET")]},
        '{"SECRET": SECRET}',
    ):
        response = api.post_body(body)
        texts.append(response.content.decode() if response.status_code != 200 else "")
    with CaptureQueriesContext(connection):
        assert "SECRET" not in "".join(texts)
    messages = [item.getMessage() for item in caplog.records if item.name != "django.db.backends"]
    assert "SECRET" not in "".join(messages)
    rows = [*Dataset.objects.all(), *Record.objects.all(), *Operation.objects.all()]
    assert "SECRET" not in "".join(f"{row} {row!r}" for row in rows)


@pytest.mark.parametrize("by", ["view", "python", "async"])
def test_error_report_of_a_failed_write_has_no_value(by, monkeypatch) -> None:
    def fail(*_: Any) -> None:
        raise DatabaseError("the disk is full")

    api, user, secret = Api(), User.objects.create_user("local"), uuid.uuid4().hex
    request: Any = RequestFactory().get("/")
    request.user, request.auser = user, sync_to_async(lambda: user)
    UserDataset(user, "settings").set("a", secret)
    api.write(record("a", secret))
    monkeypatch.setattr(writing, "_describe", fail)
    calls = {
        "view": lambda: api.post(record("a", secret)),
        "python": lambda: UserDataset(user, "settings").set("a", secret),
        "async": lambda: async_to_sync(RequestDatasets(request).aset)("settings", "a", secret),
    }
    with pytest.raises(DatabaseError) as error:
        calls[by]()
    report = report_of(error.value)
    assert "the disk is full" in report
    assert secret not in report


# Python


def show_theme(request: Any) -> Any:
    return JsonResponse({"theme": request.cognito.datasets["settings"]["theme"]})


async def show_theme_async(request: Any) -> Any:
    await request.cognito.datasets.aset("settings", "seen", True)
    return JsonResponse({"theme": await request.cognito.datasets.aget("settings", "theme")})


urlpatterns = [path("theme/", show_theme), path("async/", show_theme_async)]


@pytest.mark.urls(__name__)
def test_request_reads_its_users_records(client) -> None:
    user = sign_in(client, "alice")
    UserDataset(user, "settings").set("theme", "dark")
    assert client.get("/theme/").json() == {"theme": "dark"}
    assert client.get("/theme/", headers=bearer(make_token(username="alice"))).json() == {"theme": "dark"}
    assert Client().get("/theme/").status_code == 403
    assert Client().get("/theme/", headers=bearer(make_token(username=None))).status_code == 403


@pytest.mark.urls(__name__)
def test_async_view_reads_and_writes(async_client) -> None:
    dataset = UserDataset(sign_in(Client(), "alice"), "settings")
    dataset.set("theme", {"dark": [1]})
    response = async_to_sync(async_client.get)("/async/", headers=bearer(make_token(username="alice")))
    assert response.json() == {"theme": {"dark": [1]}}
    assert dataset.read_all() == {"seen": True, "theme": {"dark": [1]}}


def test_user_dataset_reads_writes_and_deletes(django_assert_num_queries) -> None:
    user = User.objects.create_user("local")
    dataset = UserDataset(user, "settings")
    assert (dataset.get("theme"), dataset.get("theme", "light"), dataset.read_all()) == (None, "light", {})
    with pytest.raises(KeyError):
        _ = dataset["theme"]
    dataset.set("theme", "dark")
    dataset.set("size", [1, {"a": None}])
    with django_assert_num_queries(1):
        assert dataset["theme"] == "dark"
    with django_assert_num_queries(1):
        assert dataset.read_all() == {"size": [1, {"a": None}], "theme": "dark"}
    dataset.set("theme", None)
    assert dataset.get("theme", "none") == "none"
    assert Dataset.objects.get().sync_count == 3
    assert repr(dataset) == "<UserDataset settings>"
    for value in (float("nan"), object()):
        with pytest.raises((TypeError, ValueError)):
            dataset.set("theme", value)


def test_key_that_is_no_text_is_a_type_error() -> None:
    dataset = UserDataset(User.objects.create_user("local"), "settings")
    for key in (5, None, b"a"):
        with pytest.raises(TypeError, match="the key of a record is a str"):
            dataset.get(key)


def test_python_write_is_news_for_devices() -> None:
    api = Api()
    api.write(record("theme", "dark"))
    UserDataset(User.objects.get(), "settings").set("theme", "light")
    assert [item["value"] for item in api.read(since=1)["records"]] == ["light"]
    (conflict,) = api.write(record("theme", "blue", 1))["conflicts"]
    assert conflict["value"] == "light"


def test_datasets_of_a_request_need_a_user_with_an_account() -> None:
    request: Any = RequestFactory().get("/")
    request.user = AnonymousUser()
    assert repr(RequestDatasets(request)) == "<RequestDatasets>"
    with pytest.raises(PermissionDenied):
        _ = RequestDatasets(request)["settings"]
    async_request: Any = AsyncRequestFactory().get("/")

    async def auser() -> Any:
        return AnonymousUser()

    async_request.user, async_request.auser = AnonymousUser(), auser
    with pytest.raises(PermissionDenied):
        async_to_sync(RequestDatasets(async_request).aget)("settings", "theme")


def test_request_without_the_app_raises_improperly_configured(monkeypatch) -> None:
    monkeypatch.setattr(RequestCognito, "datasets_type", None)
    with pytest.raises(ImproperlyConfigured, match=r"Add 'django_cognito\.datasets' to INSTALLED_APPS"):
        _ = RequestCognito(RequestFactory().get("/")).datasets
    apps.get_app_config("cognito_datasets").ready()
    assert isinstance(RequestCognito(RequestFactory().get("/")).datasets, RequestDatasets)


@pytest.mark.django_db(transaction=True)
def test_signal_is_sent_on_commit_with_keys_and_without_values() -> None:
    received: list[dict[str, Any]] = []

    def receive(sender: Any, signal: Any, **arguments: Any) -> None:
        received.append(arguments)

    def fail(**_: Any) -> None:
        raise RuntimeError("a receiver of the site")

    dataset_changed.connect(fail)
    dataset_changed.connect(receive)
    try:
        api = Api()
        api.write(record("a", "x"), record("b", "x"))
        api.write(record("a", "y"), record("c", None))  # a conflict, and nothing to delete
        api.write(record("a", "x", 1), record("d", "x"), atomic=False, operation_id="one")
        api.write(record("a", "x", 1), record("d", "x"), atomic=False, operation_id="one")
        api.write(record("a", None, 2))
        api.delete()
        api.delete()
        with transaction.atomic():
            UserDataset(User.objects.get(), "settings").set("a", "x")
            transaction.set_rollback(True)
    finally:
        dataset_changed.disconnect(receive)
        dataset_changed.disconnect(fail)
    user = User.objects.get()
    assert [(item["user"], item["name"], item["sync_count"], item["keys"]) for item in received] == [
        (user, "settings", 1, ("a", "b")),
        (user, "settings", 2, ("a", "d")),
        (user, "settings", 3, ("a",)),
        (user, "settings", 4, ("b", "d")),
    ]
    assert set(received[0]) == {"user", "name", "sync_count", "keys"}


def test_export_has_all_records_without_deletions() -> None:
    api = Api()
    api.write(record("b", {"x": 1}, device_time="2026-01-01T00:00:00Z"), record("a", "ä"), record("c", 1), name="z")
    api.write(record("c", None, 1), name="z")
    api.write(record("a", 1), name="A")
    Api("bob").write(record("a", "bob's"), name="z")
    user = User.objects.get(username="alice")
    exported = json.loads(json.dumps(export_datasets(user)))
    assert [(item["name"], item["sync_count"]) for item in exported] == [("A", 1), ("z", 2)]
    assert [(item["key"], item["value"]) for item in exported[1]["records"]] == [("a", "ä"), ("b", {"x": 1})]
    assert exported[1]["records"][1]["device_time"] == "2026-01-01T00:00:00Z"
    assert all(item["modified_at"] for item in [*exported, *exported[1]["records"]])


def test_datasets_are_deleted_with_their_user() -> None:
    Api("bob").write(record())
    Api("alice").write(record())
    User.objects.get(username="alice").delete()
    assert [model.objects.count() for model in (Dataset, Record, Operation)] == [1, 1, 1]
    assert Dataset.objects.get().user.username == "bob"


def test_write_of_a_user_who_is_deleted_meanwhile_is_401(monkeypatch) -> None:
    api = Api()
    api.list()
    write_records = writing.write_records

    def delete_user_first(user: Any, *arguments: Any) -> str:
        User.objects.get().delete()
        return write_records(user, *arguments)

    monkeypatch.setattr(writing, "write_records", delete_user_first)
    assert error_of(api.post(record())) == (401, "not_authenticated")
    assert not Dataset.objects.exists()


def test_admin_shows_sizes_and_no_keys_or_values(client, settings) -> None:
    settings.COGNITO = {**settings.COGNITO, "GROUPS": {"admins": {"staff": True, "superuser": True}}}
    Api("alice").write(record("KEY", "VALUE"), operation_id="OPERATION")
    Api("bob").write(record(), name="drafts")
    sign_in(client, "root", groups=["admins"])
    row = Dataset.objects.get(name="settings")
    url = "/admin/cognito_datasets/dataset/"
    pages = [client.get(url), client.get(url, {"q": "ali"}), client.get(f"{url}{row.pk}/change/")]
    assert all(page.status_code == 200 for page in pages)
    assert [str(item) for item in pages[1].context["cl"].result_list] == ["settings"]
    text = "".join(page.content.decode() for page in pages)
    assert not any(word in text for word in ("KEY", "VALUE", "OPERATION"))
    assert client.post(f"{url}{row.pk}/delete/", {"post": "yes"}).status_code == 403
    assert client.post(f"{url}{row.pk}/change/", {"name": "x"}).status_code == 403
    user_page = f"/admin/auth/user/{row.user_id}/delete/"
    text = client.get(user_page).content.decode()
    assert not any(word in text for word in ("KEY", "VALUE", "OPERATION"))
    assert client.post(user_page, {"post": "yes"}).status_code == 302
    assert not Dataset.objects.filter(pk=row.pk).exists()


def test_url_of_the_list_is_reversed() -> None:
    assert (reverse("cognito_datasets:list"), reverse("cognito_datasets:dataset", args=["a"])) == (URL, f"{URL}a/")
