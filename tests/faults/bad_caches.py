"""Django cache backends as they are on a bad day."""

from typing import Any, NoReturn

from django.core.cache.backends.base import BaseCache

from tests.support.signing import jwks


class Down(BaseCache):
    """Every call raises, as a Redis does that is gone."""

    def __init__(self, *_: Any) -> None:
        super().__init__({})

    def _down(self, *_: Any, **__: Any) -> NoReturn:
        raise ConnectionError("the cache is down")

    add = get = set = touch = delete = clear = incr = has_key = _down
    get_many = set_many = delete_many = get_or_set = _down


class Garbage(BaseCache):
    """Every name has a value, and it is somebody else's: keys that would let an attacker in, if they were trusted."""

    found: Any = jwks("attacker")

    def __init__(self, *_: Any) -> None:
        super().__init__({})

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return self.found

    def add(self, *_: Any, **__: Any) -> bool:
        return False

    def set(self, *_: Any, **__: Any) -> None:
        return

    def delete(self, *_: Any, **__: Any) -> bool:
        return False

    def has_key(self, *_: Any, **__: Any) -> bool:
        return True


class Bytes(Garbage):
    """The same, with values that are nothing at all."""

    found = b"\x80\x04\x95garbage"
