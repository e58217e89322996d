"""Conditions of policies: the supported ones, and how the others are treated."""

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


def _may_list(operator: str, pattern: Any, prefix: str | None, key: str = "s3:prefix") -> bool:
    context = ME if prefix is None else {**ME, "s3:prefix": prefix}
    return is_allowed([_document(operator, {key: pattern})], "s3:ListBucket", BUCKET, context)


@pytest.mark.parametrize(
    ("operator", "pattern", "prefix", "allowed"),
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
def test_list_bucket_is_allowed_by_prefix_condition(
    operator: str, pattern: Any, prefix: str | None, allowed: bool
) -> None:
    assert _may_list(operator, pattern, prefix) is allowed


def test_condition_keys_are_case_insensitive() -> None:
    assert _may_list("StringLike", OWN, "eu-west-1:me/", key="S3:Prefix")
    assert not _may_list("StringLike", OWN, "eu-west-1:you/", key="S3:Prefix")


def test_all_conditions_of_a_statement_must_match() -> None:
    document = _document("StringLike", {"s3:prefix": OWN, "s3:delimiter": "/"})
    context = {**ME, "s3:prefix": "eu-west-1:me/"}
    assert not is_allowed([document], "s3:ListBucket", BUCKET, context)
    assert is_allowed([document], "s3:ListBucket", BUCKET, {**context, "s3:delimiter": "/"})


def test_deny_applies_only_if_its_condition_matches() -> None:
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    documents = [everything, _document("StringLike", {"s3:prefix": "secret/*"}, "Deny")]
    assert is_allowed(documents, "s3:ListBucket", BUCKET, {"s3:prefix": "open/"})
    assert not is_allowed(documents, "s3:ListBucket", BUCKET, {"s3:prefix": "secret/"})


@pytest.mark.parametrize(
    ("operator", "key"), [("IpAddress", "aws:SourceIp"), ("StringEquals", "aws:RequestedRegion"), ("Null", "s3:prefix")]
)
def test_unsupported_condition_is_ignored_for_allow_and_for_deny(operator: str, key: str) -> None:
    allowing, denying = (_document(operator, {key: "x"}, effect) for effect in ("Allow", "Deny"))
    everything = {"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}
    assert is_allowed([allowing], "s3:ListBucket", BUCKET, ME)
    assert is_allowed([everything, denying], "s3:ListBucket", BUCKET, ME)
    assert not has_supported_conditions(allowing)


def test_unmatched_condition_outweighs_unsupported_condition() -> None:
    document = _document("StringLike", {"s3:prefix": OWN, "aws:SourceIp": "x"})
    assert not is_allowed([document], "s3:ListBucket", BUCKET, {**ME, "s3:prefix": "eu-west-1:you/"})


def test_supported_conditions_and_no_conditions_are_supported() -> None:
    assert has_supported_conditions(_document("StringLike", {"s3:prefix": OWN}))
    assert has_supported_conditions({"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}})
