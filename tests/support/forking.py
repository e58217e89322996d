"""A call in a forked process."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from tests.support.pool_scenario import (
    HANG_SECONDS,
)


def in_a_child(call: Callable[[], Any]) -> Any:
    """What `call` gives in a forked process; a failure where it hangs or raises."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(call()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    ended: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 65_536):
            ended.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(HANG_SECONDS)
    if reader.is_alive():
        os.kill(child, 9)
    os.waitpid(child, 0)
    reader.join(HANG_SECONDS)
    os.close(reading)
    assert ended, "the child hangs, or it raised"
    return json.loads(b"".join(ended))
