"""Signing keys: where they are kept, and who may read them."""

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


def test_keys_outlive_the_process(state_dir: Path) -> None:
    assert kids(KeyRing(state_dir)) == kids(KeyRing(state_dir))


def test_the_file_and_its_folder_are_the_owners_alone(state_dir: Path) -> None:
    assert stat.S_IMODE(state_dir.stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in state_dir.iterdir()] == [0o600]


def test_processes_that_start_together_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda _: kids(KeyRing(tmp_path)), range(4)))
    assert all(each == found[0] for each in found)
    assert [path.name for path in tmp_path.iterdir()] == [f"{POOL_ID}.json"]


def test_without_a_folder_nothing_is_kept() -> None:
    assert kids(KeyRing()) != kids(KeyRing())


def test_the_folder_is_the_users_own(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert default_state_dir() == tmp_path / "local-cognito"
    monkeypatch.delenv("XDG_STATE_HOME")
    assert default_state_dir().is_relative_to(Path.home())


def test_a_token_is_signed_from_the_folder(state_dir: Path) -> None:
    raw = sign(POOL_ID, {"sub": "x"}, "id", state_dir=state_dir)
    key: SigningKey = KeyRing(state_dir).of(POOL_ID)["id"]
    assert jwt.decode(raw, key.private.public_key(), algorithms=["RS256"]) == {"sub": "x"}


def test_no_private_key_is_in_a_repr(state_dir: Path) -> None:
    assert "RSA" not in repr(KeyRing(state_dir).of(POOL_ID)["id"])
