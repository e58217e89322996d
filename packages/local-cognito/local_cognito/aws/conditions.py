"""The string conditions of IAM policy statements. No I/O.

Source: IAM user guide, "IAM JSON policy elements: Condition operators", "AWS global condition context keys"; service
authorization reference, "Condition keys for Amazon S3".
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from .patterns import Values, matches_pattern

_OPERATOR = re.compile(r"String(?P<not>Not)?(?P<kind>Equals|Like)(?P<if_exists>IfExists)?")
# The supported condition keys. If one of them has no value here, the request has none.
_KNOWN = re.compile(
    r"cognito-identity\.amazonaws\.com:(sub|aud)|aws:PrincipalTag/.+|aws:username|s3:(prefix|delimiter)", re.IGNORECASE
)


def are_met(conditions: Mapping[str, Any], values: Values) -> bool | None:
    """Return whether all conditions of a statement are met; None if a condition is not supported."""
    folded = {key.lower(): value for key, value in values.items()}  # condition keys are case-insensitive
    results = [_is_met(*test, folded, values) for test in _tests(conditions)]
    if False in results:
        return False
    return None if None in results else True


def has_supported_conditions(conditions: Mapping[str, Any]) -> bool:
    """Return whether all of the conditions are supported."""
    return all(_OPERATOR.fullmatch(operator) and _KNOWN.fullmatch(key) for operator, key, _ in _tests(conditions))


def _tests(conditions: Mapping[str, Any]) -> Iterator[tuple[str, str, list[str]]]:
    for operator, tests in conditions.items():
        for key, wanted in tests.items():
            yield operator, key, [wanted] if isinstance(wanted, str) else wanted


def _is_met(operator: str, key: str, wanted: list[str], folded: Values, values: Values) -> bool | None:
    """Return whether one condition is met; None if it is not supported.

    If the request has no value for the key, only a negated condition or one with IfExists is met.
    """
    operator_match = _OPERATOR.fullmatch(operator)
    if operator_match is None or not _KNOWN.fullmatch(key):
        return None
    value, is_negated = folded.get(key.lower()), bool(operator_match["not"])
    if value is None:
        return is_negated or bool(operator_match["if_exists"])
    is_among = any(
        matches_pattern(pattern, value, values, wildcards=operator_match["kind"] == "Like") for pattern in wanted
    )
    return is_among != is_negated
