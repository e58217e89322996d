"""A call in a forked process."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from tests.support.scenarios.user_pool import HANG_SECONDS


def in_a_child(call: Callable[[], Any]) -> Any:
    """Return the result of `call` in a forked process; fail if it hangs or raises."""
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        try:
            os.write(writing, json.dumps(call()).encode())
        finally:
            os._exit(0)
    os.close(writing)
    chunks: list[bytes] = []

    def read() -> None:
        while data := os.read(reading, 65_536):
            chunks.append(data)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    reader.join(HANG_SECONDS)
    if reader.is_alive():
        os.kill(child, 9)
    os.waitpid(child, 0)
    reader.join(HANG_SECONDS)
    os.close(reading)
    assert chunks, "the child hangs, or it raised"
    return json.loads(b"".join(chunks))
