"""Files that nobody else may read, written once and kept: keys that must outlive a restart. Knows nothing of keys."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any


def kept(path: Path, make: Callable[[], Any]) -> Any:
    """The JSON document in the file, which `make` makes if there is none. Safe for processes that start together."""
    if not path.exists():
        _write_once(path, make())
    return json.loads(path.read_text())


def _write_once(path: Path, document: Any) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_suffix(f".{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(document, file)
    try:
        os.link(draft, path)  # fails if another process was first: its document counts, a whole one
    except FileExistsError:
        pass
    finally:
        draft.unlink()
