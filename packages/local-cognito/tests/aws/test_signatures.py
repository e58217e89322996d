"""Signatures read from requests; what they sign is for test_enforcement.py, with botocore as the client."""

import pytest
from local_cognito.aws.signatures import read_signature
from moto.core.request import Request

CREDENTIAL = "AKIA0123456789ABCDEF/20261122/eu-west-1/s3/aws4_request"
HEADER = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature=0123abcd"
TIMESTAMP = "20261122T101112Z"


def request(authorization: str = HEADER, timestamp: str = TIMESTAMP, query: str = "") -> Request:
    headers = {"Authorization": authorization, "X-Amz-Date": timestamp}
    return Request.from_primitives("GET", f"http://localhost/bucket/key?{query}", headers)


def test_a_header_says_who_signed_for_what() -> None:
    found = read_signature(request())
    assert found is not None
    assert (found.access_key_id, found.region, found.service) == ("AKIA0123456789ABCDEF", "eu-west-1", "s3")
    assert found.signed_headers == ("host", "x-amz-date")
    assert found.ends_at is None


def test_nothing_secret_is_in_the_repr() -> None:
    assert "0123abcd" not in repr(read_signature(request()))


@pytest.mark.parametrize(
    "authorization",
    [
        "",
        "Bearer x",
        "Basic eDp5",
        HEADER.replace("Signature", "Sig"),
        HEADER.replace("/s3", ""),
        HEADER.replace("4-", "3-"),
    ],
)
def test_what_is_no_signature_of_version_4_is_none(authorization: str) -> None:
    assert read_signature(request(authorization)) is None


def test_a_moment_that_is_none_makes_no_signature() -> None:
    assert read_signature(request(timestamp="yesterday")) is None


def test_an_address_says_when_it_ends() -> None:
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL.replace('/', '%2F')}&X-Amz-Date={TIMESTAMP}"
        "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0123abcd"
    )
    found = read_signature(request("", query=query))
    assert found is not None
    assert found.ends_at == 1_795_342_272 + 60
    assert read_signature(request("", query=query.replace("=60", "=soon"))) is None
