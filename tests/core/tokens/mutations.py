"""Hypothesis strategies: valid tokens, key sets and policies, changed in one or two places.

Tokens are changed before they are signed (so that the signature is valid) and after.
"""

import base64
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from tests.support.signing import b64, jwk, private_key
from tests.support.sizes import choose_size

from .pyjwt_comparison import ISSUERS, NOW, Case, Policy
from .token_encoding import (
    ACCESS,
    CLIENT_TOKEN,
    HEADER,
    ID,
    RESOURCE,
    STYLES,
    JsonLiteral,
    Members,
    encode_json,
    odd_jwk,
    odd_key,
    sign_parts,
)

_BOUNDED = settings(derandomize=True, database=None)
_IS_THOROUGH = settings.default.max_examples > 1_000


def search_settings(examples: int) -> settings:
    """Return settings with that many fixed examples in a run of full size, otherwise with a third of them.

    The profile `thorough` has more, different each time.
    """
    profile = settings() if _IS_THOROUGH else settings(_BOUNDED, max_examples=choose_size(examples // 3, examples))
    return settings(profile, deadline=None, suppress_health_check=list(HealthCheck))


_ANY_TEXT = st.text(st.characters(), max_size=8)
# Without surrogates. For its default alphabet, st.text() encodes each character of Unicode.
ENCODABLE = st.characters(exclude_categories=["Cs"])
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | _ANY_TEXT
_JSON = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_ANY_TEXT, inner, max_size=3), max_leaves=6
)
_ODD = st.sampled_from(
    (None, "", "x", "one", "1webclient", "a\0b", "\ud800", 0, -1, 1, True, 1.5, 2**53, 2**64, 10**15, 10**400, [], {})
)
_JSON_TEXTS = (
    "NaN",
    "-Infinity",
    "1e400",
    "-0",
    "1E2",
    "01",
    "1.0",
    "0.1e-6",
    "9" * 5_000,
    '"\\ud800"',
    '"\\/"',
    "",
    "'x'",
)
_LITERALS = st.sampled_from(_JSON_TEXTS).map(JsonLiteral) | st.integers(28, 36).map(
    lambda depth: JsonLiteral("[" * depth + "]" * depth)
)
_TIMES = ("exp", "iat", "nbf", "auth_time")
VALUES = _ODD | _LITERALS | _JSON
_TIMESTAMPS = (
    st.integers(-70, 70).map(lambda shift: NOW + shift)
    | st.integers(-70, 70).map(lambda shift: float(NOW + shift))
    | st.integers(-70, 70).map(lambda shift: NOW + shift + 0.5)
    | st.integers(-70, 70).map(lambda shift: JsonLiteral(f"{NOW + shift}e0"))
    | st.sampled_from((str(NOW - 20), 253_402_300_799, 253_402_300_800, 1e300, True, None))
)
_SIMILAR: Mapping[str, st.SearchStrategy[Any]] = {
    **dict.fromkeys(_TIMES, _TIMESTAMPS),
    "iss": st.sampled_from((*ISSUERS, ISSUERS[0] + "/", ISSUERS[0][:-1], list(ISSUERS))),
    "token_use": st.sampled_from(("access", "id", "refresh", "Access", ["access"])),
    "client_id": st.sampled_from(("1webclient", "2appclient", "1webclien", ["1webclient"], "")),
    "aud": st.sampled_from(("1webclient", "2appclient", RESOURCE, ["1webclient"], [RESOURCE], {"1webclient": 1})),
    "cognito:groups": st.lists(st.text(ENCODABLE, max_size=5), max_size=300) | st.just(["ok", 1]) | st.just("editors"),
    "scope": _ANY_TEXT,
    "nonce": st.sampled_from(("sent", "other", ["sent"])),
    "at_hash": st.sampled_from((ID["at_hash"], "x", None)),
}
_HEADER_SIMILAR: Mapping[str, st.SearchStrategy[Any]] = {
    "alg": st.sampled_from(("none", "HS256", "RS512", "PS256", "rs256", "RS256 ", ["RS256"])),
    "kid": st.sampled_from(("two", "One", "one\0", "", "k" * 257)),
    "crit": st.sampled_from((["b64"], ["exp"], [], ["x"])),
    "b64": st.booleans(),
}
_HEADER_NAMES = ("alg", "kid", "crit", "b64", "typ", "jku", "jwk", "x5u", "x5c", "zip", "cty", "enc", "x")
_CLAIM_NAMES = (
    *_TIMES,
    *_TIMES,
    *ACCESS,
    "aud",
    "cognito:username",
    "nonce",
    "at_hash",
    "email",
    "custom:x",
    "aud\0",
    "",
)


@st.composite
def _changed_members(
    draw: st.DrawFn, members: Mapping[str, Any], names: tuple[str, ...], near: Mapping[str, Any]
) -> Members:
    pairs = list(members.items())
    for _ in range(draw(st.integers(1, 2))):
        name = draw(st.sampled_from(names))
        what = draw(st.sampled_from(("set", *["near"] * 4, "drop", "twice", "many", "shuffle")))
        if what == "twice":
            pairs.insert(draw(st.integers(0, len(pairs))), (name, draw(near.get(name, VALUES))))
        elif what == "many":
            pairs += [(f"custom:{n}", n) for n in range(draw(st.integers(0, 400)))]
        elif what == "shuffle":
            pairs = draw(st.permutations(pairs))
        else:
            pairs = [(other, value) for other, value in pairs if other != name]
            if what != "drop":
                pairs.append((name, draw(near.get(name, VALUES) if what == "near" else VALUES)))
    return pairs


_FOREIGN = st.sampled_from((*"=+/-_~. \n\0A9!", "\u00e9", "\ud800", "\ufeff"))


@st.composite
def _edited_text(draw: st.DrawFn, text: str) -> str:
    at, char = draw(st.integers(0, len(text))), draw(_FOREIGN)
    return draw(
        st.sampled_from(
            (
                text[:at] + char + text[at:],
                text[:at] + char + text[at + 1 :],
                text[:at] + text[at + 1 :],
                text[:at] + text[at + 1 : at + 2] + text[at : at + 1] + text[at + 2 :],
                text[:at],
                text + char,
                char + text,
                text + "=" * (-len(text) % 4),
                text + "====",
                text.replace("-", "+").replace("_", "/"),
                text[:-1] + _with_idle_bit(text[-1:]),
                text.swapcase(),
            )
        )
    )


def _with_idle_bit(last: str) -> str:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return alphabet[alphabet.index(last) ^ 1] if last and last in alphabet else last


_JWK_SIMILAR: Mapping[str, tuple[Any, ...]] = {
    "kid": ("two", "", "#1", "k" * 257, 1, None),
    "kty": ("EC", "oct", "rsa", None),
    "alg": ("RS512", "RS384", "HS256", "none", "", None, ["RS256"], {}),
    "use": ("enc", "", None, ["sig"]),
    "key_ops": (["verify"], ["sign"], ["encrypt", "verify"], "verify", [], None),
    "n": ("", "AQAB", "A" * 1_400, "!", "\u00e9", "\ud800", 5, None, [], "AAAA"),
    "e": ("", "AQ", "Ag", "Aw", "AAEAAQ", "AAAAAAAAAQAB", "AQABAQABAQAB", "AQAC", "!", "\u00e9", 65_537, None),
    **dict.fromkeys(("d", "p", "q", "oth", "x5c", "x5t", "custom"), ("AQAB", None, [], {})),
}


def _long_modulus() -> str:
    return b64(b"\0" + private_key("one").public_key().public_numbers().n.to_bytes(256))


def _replacement(draw: st.DrawFn) -> list[Any]:
    """Return the keys that replace a valid key."""
    member = draw(st.sampled_from(tuple(_JWK_SIMILAR)))
    return draw(
        st.sampled_from(
            (
                [{**jwk("one"), member: draw(st.sampled_from(_JWK_SIMILAR[member]))}],
                [{**jwk("one"), member: draw(st.sampled_from(_JWK_SIMILAR[member]))}],
                [{name: value for name, value in jwk("one").items() if name != member}],
                [{}, jwk("one")],
                [None, jwk("one")],
                [{"kid": "one"}, jwk("one")],
                [jwk("two", kid="one"), jwk("one")],
                [jwk("one"), jwk("one")],
                [jwk("one"), jwk("one", use="enc")],
                [jwk("one", n=_long_modulus())],
                [odd_jwk(odd_key(1_024, 65_537))],
                [odd_jwk(odd_key(2_048, 3))],
                [jwk("one"), *(jwk("two", kid=f"k{n}") for n in range(draw(st.integers(17, 20))))],
            )
        )
    )


@st.composite
def key_sets(draw: st.DrawFn) -> Any:
    """Draw a JWKS document, valid or invalid."""
    keys: list[Any] = [jwk("one"), jwk("two")]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, 1))
        keys[at : at + 1] = _replacement(draw)
    documents = [{"keys": keys}] * 4 + [
        {"keys": keys[::-1], "x": 1},
        {"keys": keys[:1]},
        {},
        {"keys": []},
        {"keys": None},
    ]
    return draw(st.sampled_from([*documents, keys]))


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Draw what a site and what one call may expect."""
    clients = st.lists(st.sampled_from(("1webclient", "2appclient", "3")), min_size=1, max_size=3, unique=True)
    optional: dict[str, st.SearchStrategy[Any]] = {
        "token_use": st.sampled_from(("access", "id", None)),
        "client_ids": st.none() | clients | clients.map(frozenset) | st.just(()),
        "nonce": st.sampled_from((None, "sent", "sent", "other", "")),
        "access_token": st.sampled_from((None, "beside", "beside", "another", "\u00e9")),
    }
    return Policy(
        client_ids=tuple(draw(clients)),
        issuers=draw(st.sampled_from((ISSUERS[:1], ISSUERS[1:], ISSUERS, ISSUERS[::-1]))),
        leeway_seconds=draw(st.integers(0, 60) | st.floats(0, 60)),
        token_use=draw(st.sampled_from(("access", "id", None))),
        resource=draw(st.sampled_from(("", "", RESOURCE))),
        overrides=draw(st.fixed_dictionaries({}, optional=optional)),
    )


_CHANGES = (*["claims"] * 4, "policy", "header", "style", "part", "text", "keys", "policy", "key")


@st.composite
def cases(draw: st.DrawFn) -> Case:
    """Draw a valid case, changed in at most two places."""
    changes = draw(st.lists(st.sampled_from(_CHANGES), max_size=2))
    good = draw(st.sampled_from((ACCESS, ID, CLIENT_TOKEN)))
    header = draw(_changed_members(HEADER, _HEADER_NAMES, _HEADER_SIMILAR)) if "header" in changes else HEADER
    claims = draw(_changed_members(good, _CLAIM_NAMES, _SIMILAR)) if "claims" in changes else good
    styles = draw(st.tuples(*[st.sampled_from(("compact", *STYLES))] * 2)) if "style" in changes else ("compact",) * 2
    parts = [b64(encode_json(members, style)) for members, style in zip((header, claims), styles, strict=True)]
    if "part" in changes:
        at = draw(st.integers(0, 1))
        parts[at] = draw(_edited_text(parts[at]))
    other_keys = (private_key("two"), odd_key(1_024, 65_537), odd_key(2_048, 3))
    raw: Any = sign_parts(*parts, draw(st.sampled_from(other_keys)) if "key" in changes else private_key("one"))
    if "text" in changes:
        raw = draw(
            _edited_text(raw)
            | st.sampled_from((raw.encode(errors="replace"), f"{raw}.{raw}"))
            | _replaced_signatures(raw)
        )
    policy = draw(policies()) if "policy" in changes else Policy(token_use=good["token_use"])
    return Case(raw, draw(key_sets()) if "keys" in changes else {"keys": [jwk("one"), jwk("two")]}, policy)


def _replaced_signatures(raw: str) -> st.SearchStrategy[Any]:
    signature = raw.rpartition(".")[2]
    data = base64.urlsafe_b64decode(signature + "==")
    ends = (b64(data[:-1]), "", b64(bytes(256)), b64(bytes(20_000)), f".{signature}", f"{signature}==")
    return st.sampled_from(tuple(raw[: -len(signature)] + end for end in ends))
