"""Django cache backends with faults: down, or with wrong values."""

from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache

from tests.support.signing import jwks


class Down(BaseCache):
    """Every call raises, like the backend of a Redis that is down."""

    def __init__(self, *_: Any) -> None:
        super().__init__({})

    def _down(self, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionError("the cache is down")

    add = get = set = touch = delete = clear = incr = has_key = _down
    get_many = set_many = delete_many = get_or_set = _down


class Garbage(BaseCache):
    """Every name has an attacker's value: a JWKS that would accept forged tokens if it were trusted."""

    value: Any = jwks("attacker")

    def __init__(self, *_: Any) -> None:
        super().__init__({})

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self.value

    def add(self, *_: Any, **__: Any) -> bool:
        return False

    def set(self, *_: Any, **__: Any) -> None:
        return

    def delete(self, *_: Any, **__: Any) -> bool:
        return False

    def has_key(self, *_: Any, **__: Any) -> bool:
        return True


class Bytes(Garbage):
    """Every name has a value that cannot be read."""

    value = b"\x80\x04\x95garbage"
