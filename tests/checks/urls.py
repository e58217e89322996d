"""URLs without a login: those of an API."""

from typing import Any

urlpatterns: list[Any] = []
