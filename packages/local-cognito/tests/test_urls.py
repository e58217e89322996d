"""The loopback rule, and the format of user pool IDs and issuers."""

import pytest
from local_cognito.urls import aws_issuer, is_loopback, is_secure_url, is_user_pool_id


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://idp.example/", True),
        ("http://localhost:1/", True),
        ("http://127.0.0.1/", True),
        ("http://[::1]:8000/", True),
        ("http://idp.example/", False),
        ("http://127.0.0.1.example/", False),
        ("https://user:secret@idp.example/", False),
        ("https://idp.example/#part", False),
        ("https://idp.example:0/", False),
        ("https://idp.example:x/", False),
        ("https://", False),
        ("ftp://localhost/", False),
    ],
)
def test_secure_url_is_https_or_loopback(url: str, expected: bool) -> None:
    assert is_secure_url(url) is expected


def test_loopback_depends_only_on_the_host() -> None:
    assert is_loopback("http://localhost:1/")
    assert not is_loopback("https://localhost.example/")


@pytest.mark.parametrize(
    ("value", "expected"),
    [("eu-west-1_AbC", True), ("us-gov-west-1_A1", True), ("eu-west-1", False), ("eu-west-1_a-b", False), ("", False)],
)
def test_user_pool_id_has_a_region_and_a_name(value: str, expected: bool) -> None:
    assert is_user_pool_id(value) is expected


@pytest.mark.parametrize(
    ("user_pool_id", "host"),
    [
        ("eu-west-1_A", "cognito-idp.eu-west-1.amazonaws.com"),
        ("cn-north-1_A", "cognito-idp.cn-north-1.amazonaws.com.cn"),
        ("eusc-de-east-1_A", "cognito-idp.eusc-de-east-1.amazonaws.eu"),
    ],
)
def test_aws_issuer_has_the_host_of_the_partition(user_pool_id: str, host: str) -> None:
    assert aws_issuer(user_pool_id) == f"https://{host}/{user_pool_id}"
