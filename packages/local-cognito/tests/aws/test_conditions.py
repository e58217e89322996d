"""Conditions of policies: those that the local IAM looks at, and what becomes of the others."""

from collections.abc import Mapping
from typing import Any

import pytest
from local_cognito.aws.policies import has_supported_conditions, is_allowed

ME = {"cognito-identity.amazonaws.com:sub": "eu-west-1:me"}
OWN = "${cognito-identity.amazonaws.com:sub}/*"
BUCKET = "arn:aws:s3:::files"


def _document(operator: str, tests: Mapping[str, Any], effect: str = "Allow") -> dict[str, Any]:
    return {
        "Statement": {
            "Effect": effect,
            "Action": "s3:ListBucket",
            "Resource": BUCKET,
            "Condition": {operator: tests},
        }
    }


def _may_list(operator: str, wanted: Any, prefix: str | None, key: str = "s3:prefix") -> bool:
    asked = ME if prefix is None else {**ME, "s3:prefix": prefix}
    return is_allowed([_document(operator, {key: wanted})], "s3:ListBucket", BUCKET, asked)


@pytest.mark.parametrize(
    ("operator", "wanted", "prefix", "allowed"),
    [
        ("StringLike", OWN, "eu-west-1:me/", True),
        ("StringLike", OWN, "eu-west-1:me/photos/", True),
        ("StringLike", OWN, "eu-west-1:you/", False),
        ("StringLike", OWN, "eu-west-1:me", False),
        ("StringLike", OWN, "", False),
        ("StringLike", OWN, None, False),
        ("StringLike", ["public/*", OWN], "public/a", True),
        ("StringEquals", "a*", "a*", True),
        ("StringEquals", "a*", "ab", False),
        ("StringEquals", "${cognito-identity.amazonaws.com:sub}/", "eu-west-1:me/", True),
        ("StringLikeIfExists", OWN, None, True),
        ("StringLikeIfExists", OWN, "eu-west-1:you/", False),
        ("StringNotLike", "secret/*", "secret/a", False),
        ("StringNotLike", "secret/*", "open/a", True),
        ("StringNotEquals", ["a", "b"], "b", False),
        ("StringNotEquals", "a", None, True),
        ("StringLike", "${aws:PrincipalTag/team}/*", "blue/", False),
    ],
)
def test_a_listing_is_allowed_by_its_prefix(operator: str, wanted: Any, prefix: str | None, allowed: bool) -> None:
    assert _may_list(operator, wanted, prefix) is allowed


def test_the_names_of_keys_have_no_case() -> None:
    assert _may_list("StringLike", OWN, "eu-west-1:me/", key="S3:Prefix")
    assert not _may_list("StringLike", OWN, "eu-west-1:you/", key="S3:Prefix")


def test_all_conditions_of_a_statement_must_be_met() -> None:
    document = _document("StringLike", {"s3:prefix": OWN, "s3:delimiter": "/"})
    asked = {**ME, "s3:prefix": "eu-west-1:me/"}
    assert not is_allowed([document], "s3:ListBucket", BUCKET, asked)
    assert is_allowed([document], "s3:ListBucket", BUCKET, {**asked, "s3:delimiter": "/"})


def test_a_denial_counts_only_where_its_condition_is_met() -> None:
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    documents = [everything, _document("StringLike", {"s3:prefix": "secret/*"}, "Deny")]
    assert is_allowed(documents, "s3:ListBucket", BUCKET, {"s3:prefix": "open/"})
    assert not is_allowed(documents, "s3:ListBucket", BUCKET, {"s3:prefix": "secret/"})


@pytest.mark.parametrize(
    ("operator", "key"), [("IpAddress", "aws:SourceIp"), ("StringEquals", "aws:RequestedRegion"), ("Null", "s3:prefix")]
)
def test_a_condition_that_cannot_be_told_allows_and_denies_nothing(operator: str, key: str) -> None:
    allowing, denying = (_document(operator, {key: "x"}, effect) for effect in ("Allow", "Deny"))
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    assert is_allowed([allowing], "s3:ListBucket", BUCKET, ME)
    assert is_allowed([everything, denying], "s3:ListBucket", BUCKET, ME)
    assert not has_supported_conditions(allowing)


def test_one_that_is_not_met_outweighs_one_that_cannot_be_told() -> None:
    document = _document("StringLike", {"s3:prefix": OWN, "aws:SourceIp": "x"})
    assert not is_allowed([document], "s3:ListBucket", BUCKET, {**ME, "s3:prefix": "eu-west-1:you/"})


def test_what_is_looked_at_is_told_apart() -> None:
    assert has_supported_conditions(_document("StringLike", {"s3:prefix": OWN}))
    assert has_supported_conditions({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
