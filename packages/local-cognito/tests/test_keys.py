"""Signing keys: where they are stored, and the permissions of the files."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jwt
import pytest
from local_cognito.accounts.keys import KeyRing, SigningKey, default_state_dir, sign

POOL_ID = "eu-west-1_Keys"


def kids(ring: KeyRing) -> list[str]:
    return [key["kid"] for key in ring.jwks(POOL_ID)["keys"]]


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state") / "emulator"
    KeyRing(folder).of(POOL_ID)
    return folder


def test_keys_survive_a_restart(state_dir: Path) -> None:
    assert kids(KeyRing(state_dir)) == kids(KeyRing(state_dir))


def test_key_file_and_folder_are_private_to_the_owner(state_dir: Path) -> None:
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in state_dir.iterdir()] == [0o600]


def test_concurrent_starts_create_one_key_file(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        jwks_kids = list(threads.map(lambda _: kids(KeyRing(tmp_path)), range(4)))
    assert all(kid_list == jwks_kids[0] for kid_list in jwks_kids)
    assert [path.name for path in tmp_path.iterdir()] == [f"{POOL_ID}.json"]


def test_keys_without_state_dir_are_not_stored() -> None:
    assert kids(KeyRing()) != kids(KeyRing())


def test_default_state_dir_is_in_the_home_of_the_user(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / "local-cognito"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_state_dir().is_relative_to(Path.home())


def test_token_is_signed_with_the_stored_key(state_dir: Path) -> None:
    raw = sign(POOL_ID, {"sub": "x"}, "id", state_dir=state_dir)
    key: SigningKey = KeyRing(state_dir).of(POOL_ID)["id"]
    assert jwt.decode(raw, key.private.public_key(), algorithms=["RS256"]) == {"sub": "x"}


def test_repr_of_signing_key_has_no_private_key(state_dir: Path) -> None:
    assert "RSA" not in repr(KeyRing(state_dir).of(POOL_ID)["id"])
