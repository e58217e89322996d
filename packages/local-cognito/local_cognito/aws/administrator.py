"""The access key of the one who may do everything: drawn once, kept where the signing keys are."""

import secrets
import string
from pathlib import Path

from ..private_files import kept
from .account import AccessKey

_FILE = "administrator.json"
_ID_CHARACTERS = string.ascii_uppercase + string.digits


def administrator_key(state_dir: Path | None) -> AccessKey:
    """The administrator's key: the one in the folder, or, without a folder, one that ends with the process."""
    stored = kept(state_dir / _FILE, _drawn) if state_dir else _drawn()
    return AccessKey(stored["id"], stored["secret"])


def _drawn() -> dict[str, str]:
    identifier = "".join(secrets.choice(_ID_CHARACTERS) for _ in range(16))
    return {"id": f"AKIA{identifier}", "secret": secrets.token_urlsafe(30)}
