"""Evaluation of IAM policies: Allow and Deny, patterns, and policy variables."""

from typing import Any

import pytest
from local_cognito.aws.policies import is_allowed

SUB = "cognito-identity.amazonaws.com:sub"


def statement(effect: str = "Allow", **changes: Any) -> dict[str, Any]:
    elements = {"Effect": effect, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::files/*", **changes}
    return {name: value for name, value in elements.items() if value is not None}


def may(*statements: dict[str, Any], action: str = "s3:GetObject", key: str = "files/a", **values: str) -> bool:
    return is_allowed([{"Statement": list(statements)}], action, f"arn:aws:s3:::{key}", {SUB: "eu:1", **values})


def test_nothing_is_allowed_without_a_statement() -> None:
    assert not may()
    assert not is_allowed([], "s3:GetObject", "*", {})


def test_statement_allows_its_action_on_its_resource() -> None:
    assert may(statement())
    assert not may(statement(), action="s3:PutObject")
    assert not may(statement(), key="other/a")


def test_statement_may_be_an_object_instead_of_a_list() -> None:
    assert is_allowed([{"Statement": statement()}], "s3:GetObject", "arn:aws:s3:::files/a", {})


def test_deny_outweighs_every_allow() -> None:
    assert not may(statement(), statement("Deny"), statement())
    assert may(statement(), statement("Deny", Resource="arn:aws:s3:::files/b"))


def test_deny_of_another_policy_applies() -> None:
    documents = [{"Statement": statement()}, {"Statement": statement("Deny")}]
    assert not is_allowed(documents, "s3:GetObject", "arn:aws:s3:::files/a", {})


@pytest.mark.parametrize(
    "action", ["s3:*", "*", "s3:Get*", "s3:G?tObject", "S3:getobject", ["s3:PutObject", "s3:Get*"]]
)
def test_action_has_wildcards_and_is_case_insensitive(action: Any) -> None:
    assert may(statement(Action=action))


@pytest.mark.parametrize("action", ["s3:Get", "Get*", "s3:G?Object", "", []])
def test_action_pattern_must_match_the_whole_action(action: Any) -> None:
    assert not may(statement(Action=action))


@pytest.mark.parametrize(
    "resource", ["arn:aws:s3:::files.a", "arn:aws:s3:::FILES/*", "arn:aws:s3:::files/(a)", "files/a"]
)
def test_resource_pattern_is_no_regex_and_is_case_sensitive(resource: str) -> None:
    assert not may(statement(Resource=resource))


def test_wildcard_matches_slashes_and_newlines() -> None:
    assert may(statement(), key="files/a/b\nc")


def test_not_action_and_not_resource_match_everything_else() -> None:
    assert may(statement(Action=None, NotAction="s3:PutObject"))
    assert not may(statement(Action=None, NotAction="s3:*"))
    assert may(statement(Resource=None, NotResource="arn:aws:s3:::other/*"))
    assert not may(statement(Resource=None, NotResource=["arn:aws:s3:::files/*"]))


@pytest.mark.parametrize("element", ["Action", "Resource"])
def test_statement_without_action_or_resource_allows_nothing(element: str) -> None:
    assert not may(statement(**{element: None}))


def test_policy_variable_is_replaced_with_the_session_value() -> None:
    own = statement(Resource=f"arn:aws:s3:::files/${{{SUB}}}/*")
    assert may(own, key="files/eu:1/a")
    assert not may(own, key="files/eu:2/a")
    assert not may(own, key=f"files/${{{SUB}}}/a")


def test_policy_variable_without_value_matches_nothing() -> None:
    assert not may(statement(Resource="arn:aws:s3:::files/${aws:PrincipalTag/team}*"), key="files/a")
    assert not may(
        statement(), statement("Deny", Resource=None, NotResource="arn:aws:s3:::files/${aws:PrincipalTag/team}*")
    )


@pytest.mark.parametrize("value", ["*", "?", ".*", "a|.*", "${*}"])
def test_wildcard_in_a_variable_value_is_literal(value: str) -> None:
    tagged = statement(Resource="arn:aws:s3:::files/${aws:PrincipalTag/team}/x")
    assert not may(tagged, key="files/a/x", **{"aws:PrincipalTag/team": value})
    assert may(tagged, key=f"files/{value}/x", **{"aws:PrincipalTag/team": value})


def test_escaped_wildcards_and_dollar_are_literal() -> None:
    assert may(statement(Resource="arn:aws:s3:::files/${*}${?}${$}"), key="files/*?$")
    assert not may(statement(Resource="arn:aws:s3:::files/${*}"), key="files/a")
