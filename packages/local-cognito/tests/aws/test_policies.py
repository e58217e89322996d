"""IAM policies as values: who allows, who denies, what a pattern covers, and what a variable may not become."""

from typing import Any

import pytest
from local_cognito.aws.policies import is_allowed

SUB = "cognito-identity.amazonaws.com:sub"


def statement(effect: str = "Allow", **changes: Any) -> dict[str, Any]:
    found = {"Effect": effect, "Action": "s3:GetObject", "Resource": "arn:aws:s3:::files/*", **changes}
    return {name: value for name, value in found.items() if value is not None}


def may(*statements: dict[str, Any], action: str = "s3:GetObject", key: str = "files/a", **values: str) -> bool:
    return is_allowed([{"Statement": list(statements)}], action, f"arn:aws:s3:::{key}", {SUB: "eu:1", **values})


def test_nothing_is_allowed_unasked() -> None:
    assert not may()
    assert not is_allowed([], "s3:GetObject", "*", {})


def test_a_statement_allows_its_action_on_its_resource() -> None:
    assert may(statement())
    assert not may(statement(), action="s3:PutObject")
    assert not may(statement(), key="other/a")


def test_one_statement_need_not_be_a_list() -> None:
    assert is_allowed([{"Statement": statement()}], "s3:GetObject", "arn:aws:s3:::files/a", {})


def test_a_deny_outweighs_every_allow() -> None:
    assert not may(statement(), statement("Deny"), statement())
    assert may(statement(), statement("Deny", Resource="arn:aws:s3:::files/b"))


def test_a_deny_of_another_policy_counts_too() -> None:
    documents = [{"Statement": statement()}, {"Statement": statement("Deny")}]
    assert not is_allowed(documents, "s3:GetObject", "arn:aws:s3:::files/a", {})


@pytest.mark.parametrize(
    "action", ["s3:*", "*", "s3:Get*", "s3:G?tObject", "S3:getobject", ["s3:PutObject", "s3:Get*"]]
)
def test_actions_have_wildcards_and_do_not_heed_case(action: Any) -> None:
    assert may(statement(Action=action))


@pytest.mark.parametrize("action", ["s3:Get", "Get*", "s3:G?Object", "", []])
def test_an_action_is_matched_as_a_whole(action: Any) -> None:
    assert not may(statement(Action=action))


@pytest.mark.parametrize(
    "resource", ["arn:aws:s3:::files.a", "arn:aws:s3:::FILES/*", "arn:aws:s3:::files/(a)", "files/a"]
)
def test_a_resource_is_no_regular_expression_and_heeds_case(resource: str) -> None:
    assert not may(statement(Resource=resource))


def test_a_wildcard_crosses_slashes_and_lines() -> None:
    assert may(statement(), key="files/a/b\nc")


def test_negations_cover_all_but() -> None:
    assert may(statement(Action=None, NotAction="s3:PutObject"))
    assert not may(statement(Action=None, NotAction="s3:*"))
    assert may(statement(Resource=None, NotResource="arn:aws:s3:::other/*"))
    assert not may(statement(Resource=None, NotResource=["arn:aws:s3:::files/*"]))


@pytest.mark.parametrize("element", ["Action", "Resource"])
def test_a_statement_without_one_of_its_elements_covers_nothing(element: str) -> None:
    assert not may(statement(**{element: None}))


def test_a_variable_is_filled_with_the_session_s_value() -> None:
    own = statement(Resource=f"arn:aws:s3:::files/${{{SUB}}}/*")
    assert may(own, key="files/eu:1/a")
    assert not may(own, key="files/eu:2/a")
    assert not may(own, key=f"files/${{{SUB}}}/a")


def test_a_variable_without_a_value_matches_nothing_even_in_a_negation_that_then_covers() -> None:
    assert not may(statement(Resource="arn:aws:s3:::files/${aws:PrincipalTag/team}*"), key="files/a")
    assert not may(
        statement(), statement("Deny", Resource=None, NotResource="arn:aws:s3:::files/${aws:PrincipalTag/team}*")
    )


@pytest.mark.parametrize("value", ["*", "?", ".*", "a|.*", "${*}"])
def test_a_value_counts_to_the_letter(value: str) -> None:
    tagged = statement(Resource="arn:aws:s3:::files/${aws:PrincipalTag/team}/x")
    assert not may(tagged, key="files/a/x", **{"aws:PrincipalTag/team": value})
    assert may(tagged, key=f"files/{value}/x", **{"aws:PrincipalTag/team": value})


def test_the_escapes_stand_for_their_characters() -> None:
    assert may(statement(Resource="arn:aws:s3:::files/${*}${?}${$}"), key="files/*?$")
    assert not may(statement(Resource="arn:aws:s3:::files/${*}"), key="files/a")
