"""The access key of the administrator, generated once and stored next to the signing keys."""

import secrets
import string
from pathlib import Path

from ..private_files import read_or_create_json
from .account import AccessKey

_FILE = "administrator.json"
_ID_CHARACTERS = string.ascii_uppercase + string.digits


def administrator_key(state_dir: Path | None) -> AccessKey:
    """Return the administrator's key from the folder; without a folder, a new key that is not stored."""
    stored = read_or_create_json(state_dir / _FILE, _generated) if state_dir else _generated()
    return AccessKey(stored["id"], stored["secret"])


def _generated() -> dict[str, str]:
    identifier = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(16))
    return {"id": f"AKIA{identifier}", "secret": secrets.token_urlsafe(30)}
