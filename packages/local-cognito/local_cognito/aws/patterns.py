"""The patterns of IAM policies: asterisks, question marks, and variables filled with what is known of a request. Pure.

Source: IAM user guide, "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Mapping

Values = Mapping[str, str]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def matches(pattern: str, value: str, values: Values, *, wildcards: bool = True) -> bool:
    """Whether `pattern` covers `value`. One with a variable that has no value covers nothing.

    A variable's value counts to the letter: whoever chooses a name with an asterisk in it has not chosen a wildcard.
    """
    regex = _regex(pattern, values, wildcards)
    return regex is not None and re.fullmatch(regex, value, re.DOTALL) is not None


def _regex(pattern: str, values: Values, wildcards: bool) -> str | None:
    parts = []
    for number, part in enumerate(_VARIABLE.split(pattern)):
        is_variable = number % 2 == 1
        if not is_variable:
            parts.append(_wildcards(part) if wildcards else re.escape(part))
        elif part in ("*", "?", "$"):
            parts.append(re.escape(part))
        elif part in values:
            parts.append(re.escape(values[part]))
        else:
            return None
    return "".join(parts)


def _wildcards(text: str) -> str:
    return re.escape(text).replace(r"\*", ".*").replace(r"\?", ".")
