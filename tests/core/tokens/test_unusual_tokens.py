"""Tokens that are unusual and good: what nobody asked for passes, in any of the ways in which JSON may be written."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import AccessToken, ClientToken
from tests.support.signing import sign

from .forging import HEADER, NOW, POOL, access, code, make

pytestmark = pytest.mark.usefixtures("decoder")

SIZE = 16_384  # the longest token that is read, unless a site says otherwise
GROUPS = ["\u5bff\u9650\u7121", "\U0001f407", "e\u0301", "a b", "\u202e"]


@pytest.mark.parametrize(
    "claims",
    [
        pytest.param(access(aud=["https://api.example.com", "other"]), id="several audiences"),
        pytest.param(access(aud=None), id="no audience"),
        pytest.param(
            access(**{"cognito:groups": ["\u5bff\u9650\u7121", "\U0001f407", "e\u0301", "a b", "\u202e"]}), id="groups"
        ),
        pytest.param(access(**{"cognito:groups": [str(position) for position in range(1_000)]}), id="1,000 groups"),
        pytest.param(access(username="\u00e9" * 128), id="a long name beyond ASCII"),
        pytest.param(access(sub="not-a-uuid"), id="a sub that is no UUID"),
        pytest.param(access(**{"": 1, "__proto__": {}, "__class__": "x", "a.b": [None], "\u00e9": 1.25}), id="names"),
        pytest.param(access(big=2**200, small=5e-324, negative=-1, zero=-0.0, half=0.1), id="numbers"),
        pytest.param(access(null=None, empty=[], void={}, no=False), id="nothings"),
        pytest.param(access(**{"cognito:roles": ["arn:aws:iam::1:role/x"], "version": "2"}), id="roles"),
        pytest.param(access(scope=""), id="no scope"),
        pytest.param(access(scope="  a\tb  a "), id="an untidy scope"),
        pytest.param(access(event_id=[1], version=None), id="claims that nobody reads"),
    ],
)
def test_claims_that_nobody_asked_for_pass(claims: dict[str, Any]) -> None:
    token = make().verify(sign(claims))
    assert isinstance(token, AccessToken)
    assert token.groups == tuple(claims.get("cognito:groups", ()))


@pytest.mark.parametrize(
    "header",
    [
        pytest.param({"typ": "JWT", "cty": "json", "x5t": "AA", "nonce": 1, "": None}, id="many members"),
        pytest.param({"zip": "DEF"}, id="zip, of what is not compressed"),
        pytest.param({"iss": "https://attacker.invalid", "exp": 0, "sub": "admin"}, id="claims"),
        pytest.param({"enc": "A256GCM", "p2c": 2**31}, id="of encryption"),
        pytest.param({"deep": [[[[{}]]]], "long": "x" * 4_000}, id="long and deep"),
    ],
)
def test_headers_that_nobody_asked_for_pass(header: dict[str, Any]) -> None:
    assert make().verify(sign(access(), header={**HEADER, **header})).username == "my-test-user"


WRITTEN: dict[str, Callable[[dict[str, Any]], str]] = {
    "tight": lambda claims: json.dumps(claims, separators=(",", ":")),
    "pretty": lambda claims: json.dumps(claims, indent=4),
    "with tabs and carriage returns": lambda claims: json.dumps(claims, indent="\t").replace("\n", "\r\n"),
    "in its own letters": lambda claims: json.dumps(claims, ensure_ascii=False),
    "sorted": lambda claims: json.dumps(claims, sort_keys=True),
    "slashes escaped": lambda claims: json.dumps(claims).replace("/", "\\/"),
    "letters escaped": lambda claims: json.dumps(claims).replace("token_use", "token\\u005fuse"),
    "capital escapes": lambda claims: json.dumps(claims).replace("\\u00e9", "\\u00E9"),
    "space around it": lambda claims: f" \r\n\t{json.dumps(claims)} \n",
    "moments with a point": lambda claims: json.dumps(claims).replace(f"{NOW - 50}", f"{NOW - 50}.0"),
    "moments with an exponent": lambda claims: json.dumps(claims).replace(f"{NOW - 100}", "17999999E2"),
}


@pytest.mark.parametrize("write", [pytest.param(write, id=name) for name, write in WRITTEN.items()])
def test_json_may_be_written_in_any_of_its_ways(write: Callable[[dict[str, Any]], str]) -> None:
    claims = access(given_name="Andr\u00e9 \U0001f600")
    text = write(claims)
    assert json.loads(text) == claims
    token = make().verify(sign(text.encode()))
    assert dict(token.claims) == claims
    assert token.issuer == POOL.issuers[0]


def test_a_token_of_the_greatest_size_passes_and_one_byte_more_does_not() -> None:
    most = (SIZE - len(sign(access(room="")))) * 3 // 4 + 2
    room = next(size for size in range(most, 0, -1) if len(sign(access(room="x" * size))) <= SIZE)
    raw = sign(access(room="x" * room))
    assert SIZE - 4 < len(raw) <= SIZE
    assert make().verify(raw)
    assert code(sign(access(room="x" * (room + 4)))) == "malformed_token"


def test_a_machine_s_token_has_nobody_behind_it_whatever_else_it_says() -> None:
    claims = access(username=..., sub="1webclient", **{"cognito:groups": ["admins"], "email": "admin@example.com"})
    assert isinstance(make().verify(sign(claims)), ClientToken)
    assert code(sign(claims), token_use="id") == "wrong_token_use"
    assert code(sign({**claims, "sub": "2appclient"})) == "invalid_claim"
