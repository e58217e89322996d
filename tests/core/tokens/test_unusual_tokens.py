"""Unusual but valid tokens are accepted: extra claims, extra header parameters and any JSON formatting."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import AccessToken, ClientToken
from tests.support.signing import sign

from .forging import HEADER, NOW, POOL, access_claims, error_code, make_verifier

pytestmark = pytest.mark.usefixtures("decoder")

SIZE = 16_384  # the default maximum length of a token
GROUPS = ["\u5bff\u9650\u7121", "\U0001f407", "e\u0301", "a b", "\u202e"]


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(access_claims(aud=["https://api.example.com", "other"]), id="several audiences"),
        pytest.param(access_claims(aud=None), id="no audience"),
        pytest.param(
            access_claims(**{"cognito:groups": ["\u5bff\u9650\u7121", "\U0001f407", "e\u0301", "a b", "\u202e"]}),
            id="groups",
        ),
        pytest.param(
            access_claims(**{"cognito:groups": [str(position) for position in range(1_000)]}), id="1,000 groups"
        ),
        pytest.param(access_claims(username="\u00e9" * 128), id="a long name beyond ASCII"),
        pytest.param(access_claims(sub="not-a-uuid"), id="a sub that is not a UUID"),
        pytest.param(
            access_claims(**{"": 1, "__proto__": {}, "__class__": "x", "a.b": [None], "\u00e9": 1.25}), id="names"
        ),
        pytest.param(access_claims(big=2**200, small=5e-324, negative=-1, zero=-0.0, half=0.1), id="numbers"),
        pytest.param(access_claims(null=None, empty=[], void={}, no=False), id="empty values"),
        pytest.param(access_claims(**{"cognito:roles": ["arn:aws:iam::1:role/x"], "version": "2"}), id="roles"),
        pytest.param(access_claims(scope=""), id="no scope"),
        pytest.param(access_claims(scope="  a\tb  a "), id="a scope with extra spaces"),
        pytest.param(access_claims(event_id=[1], version=None), id="unused claims"),
    ],
)
def test_unusual_claims_are_accepted(claims: dict[str, Any]) -> None:
    token = make_verifier().verify(sign(claims))
    assert isinstance(token, AccessToken)
    assert token.groups == tuple(claims.get("cognito:groups", ()))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"typ": "JWT", "cty": "json", "x5t": "AA", "nonce": 1, "": None}, id="many members"),
        pytest.param({"zip": "DEF"}, id="zip without compression"),
        pytest.param({"iss": "https://attacker.invalid", "exp": 0, "sub": "admin"}, id="claims"),
        pytest.param({"enc": "A256GCM", "p2c": 2**31}, id="encryption parameters"),
        pytest.param({"deep": [[[[{}]]]], "long": "x" * 4_000}, id="long and deep"),
    ],
)
def test_unused_header_parameters_are_ignored(header: dict[str, Any]) -> None:
    assert make_verifier().verify(sign(access_claims(), header={**HEADER, **header})).username == "my-test-user"


JSON_FORMATS: dict[str, Callable[[dict[str, Any]], str]] = {
    "compact": lambda claims: json.dumps(claims, separators=(",", ":")),
    "pretty": lambda claims: json.dumps(claims, indent=4),
    "with tabs and carriage returns": lambda claims: json.dumps(claims, indent="\t").replace("\n", "\r\n"),
    "not escaped": lambda claims: json.dumps(claims, ensure_ascii=False),
    "sorted": lambda claims: json.dumps(claims, sort_keys=True),
    "slashes escaped": lambda claims: json.dumps(claims).replace("/", "\\/"),
    "letters escaped": lambda claims: json.dumps(claims).replace("token_use", "token\\u005fuse"),
    "capital escapes": lambda claims: json.dumps(claims).replace("\\u00e9", "\\u00E9"),
    "surrounding space": lambda claims: f" \r\n\t{json.dumps(claims)} \n",
    "times with a decimal point": lambda claims: json.dumps(claims).replace(f"{NOW - 50}", f"{NOW - 50}.0"),
    "times with an exponent": lambda claims: json.dumps(claims).replace(f"{NOW - 100}", "17999999E2"),
}


@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in JSON_FORMATS.items()])
def test_json_formatting_does_not_matter(write: Callable[[dict[str, Any]], str]) -> None:
    claims = access_claims(given_name="Andr\u00e9 \U0001f600")
    text = write(claims)
    assert json.loads(text) == claims
    token = make_verifier().verify(sign(text.encode()))
    assert dict(token.claims) == claims
    assert token.issuer == POOL.issuers[0]


def test_token_longer_than_the_maximum_is_malformed() -> None:
    longest = (SIZE - len(sign(access_claims(padding="")))) * 3 // 4 + 2
    length = next(size for size in range(longest, 0, -1) if len(sign(access_claims(padding="x" * size))) <= SIZE)
    raw = sign(access_claims(padding="x" * length))
    assert SIZE - 4 < len(raw) <= SIZE
    assert make_verifier().verify(raw)
    assert error_code(sign(access_claims(padding="x" * (length + 4)))) == "malformed_token"


def test_client_token_with_user_claims_is_still_a_client_token() -> None:
    claims = access_claims(
        username=..., sub="1webclient", **{"cognito:groups": ["admins"], "email": "admin@example.com"}
    )
    assert isinstance(make_verifier().verify(sign(claims)), ClientToken)
    assert error_code(sign(claims), token_use="id") == "wrong_token_use"
    assert error_code(sign({**claims, "sub": "2appclient"})) == "invalid_claim"
