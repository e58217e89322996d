"""Parsing of AWS signatures. test_enforcement.py tests their verification, with botocore as the client."""

import pytest
from local_cognito.aws.signatures import read_signature
from moto.core.request import Request

CREDENTIAL = "AKIA0123456789ABCDEF/20261122/eu-west-1/s3/aws4_request"
HEADER = f"AWS4-HMAC-SHA256 Credential={CREDENTIAL}, SignedHeaders=host;x-amz-date, Signature=0123abcd"
TIMESTAMP = "20261122T101112Z"


def request(authorization: str = HEADER, timestamp: str = TIMESTAMP, query: str = "") -> Request:
    headers = {"Authorization": authorization, "X-Amz-Date": timestamp}
    return Request.from_primitives("GET", f"http://localhost/bucket/key?{query}", headers)


def test_authorization_header_is_parsed() -> None:
    signature = read_signature(request())
    assert signature is not None
    assert (signature.access_key_id, signature.region, signature.service) == ("AKIA0123456789ABCDEF", "eu-west-1", "s3")
    assert signature.signed_headers == ("host", "x-amz-date")
    assert signature.ends_at is None


def test_repr_of_signature_has_no_secret() -> None:
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
def test_header_without_a_version_4_signature_is_none(authorization: str) -> None:
    assert read_signature(request(authorization)) is None


def test_invalid_date_is_none() -> None:
    assert read_signature(request(timestamp="yesterday")) is None


def test_presigned_url_has_an_expiry() -> None:
    query = (
        f"X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential={CREDENTIAL.replace('/', '%2F')}&X-Amz-Date={TIMESTAMP}"
        "&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature=0123abcd"
    )
    signature = read_signature(request("", query=query))
    assert signature is not None
    assert signature.ends_at == 1_795_342_272 + 60
    assert read_signature(request("", query=query.replace("=60", "=soon"))) is None
