"""Reset locks and connections in a forked child process. Must not depend on boto3."""

import os
from collections.abc import Callable
from contextlib import suppress
from typing import Any

_left_behind: list[Any] = []


def run_in_forked_child(function: Callable[[], None]) -> Callable[[], None]:
    """Call `function` in each process that is forked from now on, before anything else runs there.

    Return `function`, so that this can be used as a decorator.
    """
    getattr(os, "register_at_fork", lambda **_: None)(after_in_child=function)  # Windows does not fork
    return function


def close_after_fork(client: Any) -> None:
    """Close the idle connections of a boto3 client that was made before the fork; drop the client after this.

    The parent's connections stay open. No lock is taken, because a thread that does not exist here may hold it. For
    the same reason the client stays referenced: urllib3 takes a lock when a connection pool is freed.
    """
    _left_behind.append(client)
    with suppress(AttributeError):  # another botocore or urllib3: the connections stay open, and are not used
        session = client._endpoint.http_session
        for manager in (session._manager, *session._proxy_managers.values()):
            for pool in manager.pools._container.values():
                for connection in filter(None, pool.pool.queue):
                    connection.close()
