"""The `state` of a pending sign-in: what it holds, who opens it, and that it shows nothing."""

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
from django_cognito.login.state import PendingSignIn, new_secret, open_state, seal

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


def pending(**changes: Any) -> PendingSignIn:
    return PendingSignIn(**{"alias": "default", "client_id": "1testclient23456789", "next_url": "/notes/", **changes})


def refused(text: str) -> bool:
    with pytest.raises(SignInError) as caught:
        open_state(text)
    assert caught.value.__context__ is None  # no parser's error quotes the state
    return caught.value.code == "state_unknown"


@pytest.mark.parametrize("started", [FULL, pending(), pending(authorize_params={"prompt": "none"})])
def test_state_that_was_sealed_opens_with_all_that_it_holds(started: PendingSignIn) -> None:
    secret = new_secret()
    opened = open_state(seal(started, secret).state)
    assert replace(opened, secret_digest="") == started
    assert opened.has_secret(secret)
    assert not opened.has_secret(new_secret())
    assert not opened.has_secret(b"")


def test_state_is_an_id_and_an_opaque_payload() -> None:
    before = int(time.time())
    text = seal(started := pending(), new_secret()).state
    sign_in_id, payload = re.fullmatch(r"([0-9a-z]{12})\.([A-Za-z0-9_-]+)", text).groups()  # type: ignore[union-attr]
    assert sign_in_id == started.id
    assert before <= int(sign_in_id[:6], 36) <= time.time()
    assert len({pending().id[6:] for _ in range(100)}) == 100
    clear = base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4))
    assert not [word for word in (b"default", b"notes", b"1testclient") if word in clear]


def test_ids_sort_by_age(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = []
    for moment in (1_700_000_000, 1_700_000_035, 1_700_000_036, 1_790_000_000):
        monkeypatch.setattr("django_cognito.login.state.time.time", lambda moment=moment: moment)
        ids.append(pending().id)
    assert ids == sorted(ids)


def test_no_two_states_of_one_sign_in_look_alike() -> None:
    secret = new_secret()
    assert seal(FULL, secret).state != seal(FULL, secret).state


@pytest.mark.defends("RP-04")
def test_nonce_and_verifier_need_secret_and_salt() -> None:
    secret, other = new_secret(), new_secret()
    secrets = seal(FULL, secret)
    opened = open_state(secrets.state)
    for name, derived in (("nonce", secrets.nonce), ("verifier", secrets.code_verifier)):
        expected = hmac.digest(secret, f"{name}{opened.salt}".encode(), hashlib.sha256)
        assert derived == base64.urlsafe_b64encode(expected).rstrip(b"=").decode()
        assert len(derived) == 43
    assert (opened.nonce(secret), opened.code_verifier(secret)) == (secrets.nonce, secrets.code_verifier)
    assert opened.nonce(other) != secrets.nonce  # the state alone, with another cookie
    another = seal(pending(), secret)
    assert another.code_verifier != secrets.code_verifier  # the cookie alone, with another state
    assert base64.urlsafe_b64encode(secret).decode()[:43] not in secrets.state


def test_every_sign_in_has_secrets_of_its_own() -> None:
    one, other = (seal(pending(), new_secret()) for _ in range(2))
    assert len({one.state, one.nonce, one.code_verifier, other.state, other.nonce, other.code_verifier}) == 6
    assert len(new_secret()) == 32


@pytest.mark.defends("RP-20")
def test_sign_in_does_not_show_its_secrets() -> None:
    opened = open_state(seal(FULL, new_secret()).state)
    assert not [hidden for hidden in (opened.salt, opened.secret_digest) if hidden in repr(opened)]


# Who opens it


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize("position", [0, 6, 11, 12, 13, 20, 60, -2])
def test_state_with_a_changed_character_is_unknown(position: int) -> None:
    text = list(seal(FULL, new_secret()).state)
    text[position] = "0" if text[position] == "z" else "z"
    assert refused("".join(text))


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
def test_state_that_this_site_never_sealed_is_unknown(text: str) -> None:
    assert refused(text)


@pytest.mark.defends("RP-01")
def test_state_in_another_spelling_is_unknown() -> None:
    text = seal(FULL, new_secret()).state
    for changed in (f"{text}=", f"{text}\n", f" {text}", f"{text}x", text.upper(), text.replace(".", "..")):
        assert refused(changed)


@pytest.mark.defends("RP-01")
def test_payload_of_another_id_is_unknown() -> None:
    one, other = (seal(pending(), new_secret()).state for _ in range(2))
    assert refused(f"{one.partition('.')[0]}.{other.partition('.')[2]}")


def test_state_is_opened_with_a_fallback_key(settings: Any) -> None:
    text = seal(FULL, new_secret()).state
    former, settings.SECRET_KEY = settings.SECRET_KEY, "a new key, which is at least as long as fifty characters are"
    assert refused(text)
    settings.SECRET_KEY_FALLBACKS = [former]
    assert open_state(text).id == FULL.id


def test_state_has_a_key_of_its_own() -> None:
    text = seal(FULL, new_secret()).state
    sign_in_id, _, payload = text.partition(".")
    with pytest.raises(DecryptionError):
        decrypt(decode_base64url(payload), associated_data=sign_in_id.encode())  # the key of stored tokens
    stored = encrypt(b"[]", associated_data=sign_in_id.encode())
    assert refused(f"{sign_in_id}.{encode_base64url(stored)}")
    purpose = b"django_cognito.login.state"
    assert decrypt(decode_base64url(payload), associated_data=sign_in_id.encode(), purpose=purpose)


def test_state_of_another_version_is_unknown() -> None:
    purpose, sign_in_id = b"django_cognito.login.state", pending().id
    for plaintext in ([2, "default"], [0]):
        sealed = encrypt(json.dumps(plaintext).encode(), associated_data=sign_in_id.encode(), purpose=purpose)
        assert refused(f"{sign_in_id}.{encode_base64url(sealed)}")


# Its length


@pytest.mark.parametrize("chars", [10, 700, 2_000, 100_000])
def test_next_that_would_make_the_state_too_long_is_left_out(chars: int) -> None:
    started = pending(next_url="/" + "a" * chars)
    secrets = seal(started, secret := new_secret())
    opened = open_state(secrets.state)
    assert len(secrets.state) <= MAX_CHARS
    assert opened.next_url == (started.next_url if chars < 1_000 else "")
    assert (opened.nonce(secret), opened.code_verifier(secret)) == (secrets.nonce, secrets.code_verifier)


def test_state_is_as_long_as_allowed_and_no_longer() -> None:
    lengths = set()
    for chars in range(780, 1_000):
        secrets = seal(pending(next_url="/" + "a" * chars), new_secret())
        lengths.add(len(secrets.state))
    assert MAX_CHARS - 3 <= max(lengths) <= MAX_CHARS


def test_parameters_that_are_too_long_start_nothing() -> None:
    with pytest.raises(SignInError) as caught:
        seal(pending(authorize_params={"acr_values": "a" * 1_024}), new_secret())
    assert caught.value.code == "invalid_parameter"


def test_longer_state_is_unknown_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(state, "_MAX_CHARS", 10_000)
    text = seal(pending(next_url="/" + "a" * 2_000), new_secret()).state
    assert open_state(text)
    monkeypatch.undo()
    assert refused(text)


# Its age


@pytest.mark.defends("RP-01")
@pytest.mark.parametrize(("seconds", "is_expired"), [(0, False), (899, False), (902, True), (10_000, True)])
def test_sign_in_expires_after_a_quarter_of_an_hour(
    monkeypatch: pytest.MonkeyPatch, seconds: int, is_expired: bool
) -> None:
    opened, now = open_state(seal(pending(), new_secret()).state), time.time()
    monkeypatch.setattr("django_cognito.login.state.time.time", lambda: now + seconds)
    assert opened.is_expired == is_expired
