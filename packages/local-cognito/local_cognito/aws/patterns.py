"""The patterns of IAM policies: wildcards and policy variables. No I/O.

Source: IAM user guide, "IAM policy elements: Variables and tags".
"""

import re
from collections.abc import Mapping

Values = Mapping[str, str]

_VARIABLE = re.compile(r"\$\{([^}]*)\}")


def matches_pattern(pattern: str, value: str, values: Values, *, wildcards: bool = True) -> bool:
    """Return whether `pattern` matches `value`. A variable without a value matches nothing.

    A variable's value is literal: an asterisk in a user's name is not a wildcard.
    """
    parts = []
    for number, part in enumerate(_VARIABLE.split(pattern)):
        is_variable = number % 2 == 1
        if not is_variable:
            parts.append(re.escape(part).replace(r"\*", ".*").replace(r"\?", ".") if wildcards else re.escape(part))
        elif part in ("*", "?", "$"):
            parts.append(re.escape(part))
        elif part in values:
            parts.append(re.escape(values[part]))
        else:
            return False
    return re.fullmatch("".join(parts), value, re.DOTALL) is not None
