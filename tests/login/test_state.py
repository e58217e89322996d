"""The `state` of a pending sign-in: its content, its keys and its encryption."""

import base64
import hashlib
import hmac
import json
import re
import time
from dataclasses import replace
from typing import Any

import pytest

from django_cognito.core.base64url import decode_base64url, encode_base64url
from django_cognito.core.errors import SignInError
from django_cognito.encryption import DecryptionError, decrypt, encrypt
from django_cognito.login import state
from django_cognito.login.state import PendingSignIn, new_secret, open_state, seal_state

MAX_CHARS = 1_536
FULL = PendingSignIn(
    alias="acme",
    client_id="1acme",
    next_url="/notes/?q=ä&page=2",
    authorize_params={"identity_provider": "Google", "login_hint": "älice@example.com"},
    links_to="7",
    session_digest="a-digest",
    attempt=2,
)


def make_pending(**changes: Any) -> PendingSignIn:
    return PendingSignIn(**{"alias": "default", "client_id": "1testclient23456789", "next_url": "/notes/", **changes})


def is_unknown(text: str) -> bool:
    with pytest.raises(SignInError) as caught:
        open_state(text)
    assert caught.value.__context__ is None  # no error of a parser with the state in it
    return caught.value.code == "state_unknown"


@pytest.mark.parametrize("pending_sign_in", [FULL, make_pending(), make_pending(authorize_params={"prompt": "none"})])
def test_sealed_state_opens_with_its_content(pending_sign_in: PendingSignIn) -> None:
    secret = new_secret()
    opened_state = open_state(seal_state(pending_sign_in, secret).state)
    assert replace(opened_state, secret_digest="") == pending_sign_in
    assert opened_state.has_secret(secret)
    assert not opened_state.has_secret(new_secret())
    assert not opened_state.has_secret(b"")


def test_state_is_an_id_and_an_opaque_payload() -> None:
    before = int(time.time())
    text = seal_state(pending_sign_in := make_pending(), new_secret()).state
    sign_in_id, payload = re.fullmatch(r"([0-9a-z]{12})\.([A-Za-z0-9_-]+)", text).groups()  # type: ignore[union-attr]
    assert sign_in_id == pending_sign_in.id
    assert before <= int(sign_in_id[:6], 36) <= time.time()
    assert len({make_pending().id[6:] for _ in range(100)}) == 100
    clear = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert not [word for word in (b"default", b"notes", b"1testclient") if word in clear]


def test_sign_in_ids_sort_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for moment in (1_700_000_000, 1_700_000_035, 1_700_000_036, 1_790_000_000):
        monkeypatch.setattr("django_cognito.login.state.time.time", lambda moment=moment: moment)
        ids.append(make_pending().id)
    assert ids == sorted(ids)


def test_two_states_of_one_sign_in_differ() -> None:
    secret = new_secret()
    assert seal_state(FULL, secret).state != seal_state(FULL, secret).state


@pytest.mark.defends("RP-04")
def test_nonce_and_verifier_need_secret_and_salt() -> None:
    secret, other = new_secret(), new_secret()
    secrets = seal_state(FULL, secret)
    opened_state = open_state(secrets.state)
    for name, derived_secret in (("nonce", secrets.nonce), ("verifier", secrets.code_verifier)):
        expected = hmac.digest(secret, f"{name}{opened_state.salt}".encode(), hashlib.sha256)
        assert derived_secret == base64.urlsafe_b64encode(expected).rstrip(b"=").decode()
        assert len(derived_secret) == 43
    assert (opened_state.nonce(secret), opened_state.code_verifier(secret)) == (secrets.nonce, secrets.code_verifier)
    assert opened_state.nonce(other) != secrets.nonce  # the same state with another cookie
    another = seal_state(make_pending(), secret)
    assert another.code_verifier != secrets.code_verifier  # the same cookie with another state
    assert base64.urlsafe_b64encode(secret).decode()[:43] not in secrets.state


def test_each_sign_in_has_its_own_secrets() -> None:
    one, other = (seal_state(make_pending(), new_secret()) for _ in range(2))
    assert len({one.state, one.nonce, one.code_verifier, other.state, other.nonce, other.code_verifier}) == 6
    assert len(new_secret()) == 32


@pytest.mark.defends("RP-20")
def test_repr_of_a_sign_in_has_no_secret() -> None:
    opened_state = open_state(seal_state(FULL, new_secret()).state)
    assert not [
        hidden_value
        for hidden_value in (opened_state.salt, opened_state.secret_digest)
        if hidden_value in repr(opened_state)
    ]


# States that do not open


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize("position", [0, 6, 11, 12, 13, 20, 60, -2])
def test_state_with_a_changed_character_is_unknown(position: int) -> None:
    text = list(seal_state(FULL, new_secret()).state)
    text[position] = "0" if text[position] == "z" else "z"
    assert is_unknown("".join(text))


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "forged",
        "forged.forged",
        "0123456789ab.",
        "0123456789ab.AAAA",
        "0123456789ab." + "A" * 100,
        "\x00",
        "ä",
        "0123456789ab.ä",
        "RANDOM-state_of-the-former-release-43-characters",
    ],
)
def test_state_that_was_not_sealed_by_this_site_is_unknown(text: str) -> None:
    assert is_unknown(text)


@pytest.mark.defends("RP-01")
def test_state_in_another_encoding_is_unknown() -> None:
    text = seal_state(FULL, new_secret()).state
    for changed_text in (f"{text}=", f"{text}\n", f" {text}", f"{text}x", text.upper(), text.replace(".", "..")):
        assert is_unknown(changed_text)


@pytest.mark.defends("RP-01")
def test_payload_of_another_id_is_unknown() -> None:
    one, other = (seal_state(make_pending(), new_secret()).state for _ in range(2))
    assert is_unknown(f"{one.partition('.')[0]}.{other.partition('.')[2]}")


def test_state_is_opened_with_a_fallback_key(settings: Any) -> None:
    text = seal_state(FULL, new_secret()).state
    former_key, settings.SECRET_KEY = (
        settings.SECRET_KEY,
        "a new key, which is at least as long as fifty characters are",
    )
    assert is_unknown(text)
    settings.SECRET_KEY_FALLBACKS = [former_key]
    assert open_state(text).id == FULL.id


def test_state_has_its_own_key() -> None:
    text = seal_state(FULL, new_secret()).state
    sign_in_id, _, payload = text.partition(".")
    with pytest.raises(DecryptionError):
        decrypt(decode_base64url(payload), associated_data=sign_in_id.encode())  # the key of stored tokens
    stored = encrypt(b"[]", associated_data=sign_in_id.encode())
    assert is_unknown(f"{sign_in_id}.{encode_base64url(stored)}")
    purpose = b"django_cognito.login.state"
    assert decrypt(decode_base64url(payload), associated_data=sign_in_id.encode(), purpose=purpose)


def test_state_of_another_version_is_unknown() -> None:
    purpose, sign_in_id = b"django_cognito.login.state", make_pending().id
    for plaintext in ([2, "default"], [4, "default"], [1], [0]):
        sealed_payload = encrypt(json.dumps(plaintext).encode(), associated_data=sign_in_id.encode(), purpose=purpose)
        assert is_unknown(f"{sign_in_id}.{encode_base64url(sealed_payload)}")


# Its length


@pytest.mark.parametrize("chars", [10, 700, 2_000, 100_000])
def test_next_that_makes_the_state_too_long_is_left_out(chars: int) -> None:
    pending_sign_in = make_pending(next_url="/" + "a" * chars)
    secrets = seal_state(pending_sign_in, secret := new_secret())
    opened_state = open_state(secrets.state)
    assert len(secrets.state) <= MAX_CHARS
    assert opened_state.next_url == (pending_sign_in.next_url if chars < 1_000 else "")
    assert (opened_state.nonce(secret), opened_state.code_verifier(secret)) == (secrets.nonce, secrets.code_verifier)


def test_state_uses_the_allowed_length() -> None:
    lengths = set()
    for chars in range(780, 1_000):
        secrets = seal_state(make_pending(next_url="/" + "a" * chars), new_secret())
        lengths.add(len(secrets.state))
    assert MAX_CHARS - 3 <= max(lengths) <= MAX_CHARS


def test_parameters_that_are_too_long_start_nothing() -> None:
    with pytest.raises(SignInError) as caught:
        seal_state(make_pending(authorize_params={"acr_values": "a" * 1_024}), new_secret())
    assert caught.value.code == "invalid_parameter"


def test_state_that_is_too_long_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_MAX_CHARS", 10_000)
    text = seal_state(make_pending(next_url="/" + "a" * 2_000), new_secret()).state
    assert open_state(text)
    monkeypatch.undo()
    assert is_unknown(text)


# Its age


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize(("seconds", "is_expired"), [(0, False), (899, False), (902, True), (10_000, True)])
def test_sign_in_expires_after_15_minutes(monkeypatch: pytest.MonkeyPatch, seconds: int, is_expired: bool) -> None:
    opened_state, now = open_state(seal_state(make_pending(), new_secret()).state), time.time()
    monkeypatch.setattr("django_cognito.login.state.time.time", lambda: now + seconds)
    assert opened_state.is_expired == is_expired
