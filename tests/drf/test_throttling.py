"""Throttles of DRF count each machine-to-machine client by itself, and all clients of one service user together."""

from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import path
from rest_framework.permissions import AllowAny
from rest_framework.throttling import AnonRateThrottle, ScopedRateThrottle, UserRateThrottle

from django_cognito.testing import make_token
from tests.drf.views import ShowUser
from tests.support.callers import bearer
from tests.support.real_parts import REDIS_URL

CACHES = {
    "locmem": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    "redis": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL},
}
FIRST, SECOND = "7machine", "8machine"
EACH_THROTTLE = pytest.mark.parametrize("url", ["/user/", "/scoped/"])
pytestmark = [pytest.mark.django_db, pytest.mark.urls(__name__), pytest.mark.usefixtures("cognito_keys")]


class UserThrottle(UserRateThrottle):
    rate = "1/min"


class ScopedThrottle(ScopedRateThrottle):
    THROTTLE_RATES = {"imports": "1/min"}


class AnonThrottle(AnonRateThrottle):
    rate = "1/min"


class Open(ShowUser):
    permission_classes = [AllowAny]
    throttle_scope = "imports"


urlpatterns = [
    path("user/", Open.as_view(throttle_classes=[UserThrottle])),
    path("scoped/", Open.as_view(throttle_classes=[ScopedThrottle])),
    path("anonymous/", Open.as_view(throttle_classes=[AnonThrottle])),
]


@pytest.fixture(autouse=True, params=["locmem", pytest.param("redis", marks=pytest.mark.needs("redis"))])
def counters(request: pytest.FixtureRequest, settings: Any) -> None:
    """Count in a cache with keys of this test, which expire after a minute."""
    settings.CACHES = {"default": {**CACHES[request.param], "KEY_PREFIX": str(uuid4())}}
    settings.COGNITO = {**settings.COGNITO, "CLIENT_IDS": [FIRST, SECOND]}


def machine_token(client_id: str, **options: Any) -> str:
    return make_token(username=None, client_id=client_id, **options)


def statuses(url: str, *tokens: str) -> list[int]:
    """Return the statuses of one request with each token; an empty one is an anonymous request."""
    return [Client().get(url, headers=bearer(raw) if raw else {}).status_code for raw in tokens]


@EACH_THROTTLE
def test_two_clients_are_counted_separately(url: str) -> None:
    first, second = machine_token(FIRST), machine_token(SECOND)
    assert statuses(url, first, second, "", machine_token(FIRST), second, "") == [200, 200, 200, 429, 429, 429]


@EACH_THROTTLE
def test_clients_of_two_pools_with_one_id_are_counted_separately(url: str, settings: Any) -> None:
    pools = {name: {"USER_POOL_ID": f"eu-west-1_{name}", "CLIENT_ID": FIRST} for name in ("First", "Other")}
    settings.COGNITO = {"POOLS": pools}
    tokens = [machine_token(FIRST, alias=name) for name in pools]
    assert statuses(url, *tokens, *tokens) == [200, 200, 429, 429]


@EACH_THROTTLE
def test_clients_of_one_service_user_are_counted_together(url: str, cognito: Any) -> None:
    cognito(SERVICE_USERS={FIRST: "importer", SECOND: "importer"})
    User.objects.create_user("importer")
    assert statuses(url, machine_token(FIRST), machine_token(SECOND)) == [200, 429]


@EACH_THROTTLE
def test_clients_of_two_service_users_are_counted_separately(url: str, cognito: Any) -> None:
    cognito(SERVICE_USERS={FIRST: "importer", SECOND: "exporter"})
    for name in ("importer", "exporter"):
        User.objects.create_user(name)
    first, second = machine_token(FIRST), machine_token(SECOND)
    assert statuses(url, first, second, first, second) == [200, 200, 429, 429]


def test_anonymous_throttle_counts_no_client(cognito: Any) -> None:
    cognito(SERVICE_USERS={SECOND: "importer"})
    User.objects.create_user("importer")
    tokens = [machine_token(FIRST), machine_token(SECOND)]
    assert statuses("/anonymous/", "", *tokens, *tokens, "") == [200, 200, 200, 200, 200, 429]
