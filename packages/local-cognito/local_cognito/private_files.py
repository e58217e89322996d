"""JSON files with mode 600 that are written once, such as signing keys. Does not depend on what they contain."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any


def read_or_create_json(path: Path, make: Callable[[], Any]) -> Any:
    """Return the JSON document in the file. If the file does not exist, create it from `make()`.

    Processes that start at the same time get the same document.
    """
    if path.exists():
        return json.loads(path.read_text())
    document = make()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
    try:
        os.link(draft, path)  # fails if another process was first: its document is used, which is complete
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return json.loads(path.read_text())
