"""Unusual but valid tokens are accepted: any JSON formatting, and long tokens. `test_vectors.py` has unusual claims."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from django_cognito.core import AccessToken
from tests.support.signing import sign

from .forging import NOW, POOL, access_claims, error_code, make_verifier

pytestmark = pytest.mark.usefixtures("decoder")

SIZE = 16_384  # the default maximum length of a token


def test_token_may_have_1_000_groups() -> None:
    groups = [str(position) for position in range(1_000)]
    token = make_verifier().verify(sign(access_claims(**{"cognito:groups": groups})))
    assert isinstance(token, AccessToken)
    assert token.groups == tuple(groups)


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
