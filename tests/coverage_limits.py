"""Compare the coverage of the last run with its limits: `python -m tests.coverage_limits {core,all} [ARGUMENTS]`.

A run with arguments, which are those of pytest, is a run of some tests only; it is not measured.
"""

import sys

import coverage

LIMITS = (
    ("core", 100, {"include": "*/django_cognito/core/*"}),
    ("other packages", 99, {"omit": "*/django_cognito/core/*"}),
)


def main(arguments: list[str]) -> int:
    """Report the coverage of `core`, or of each part of the package; return 0 if every limit is reached."""
    measured_parts, *of_pytest = arguments
    if of_pytest:
        return 0
    measured = coverage.Coverage()
    measured.load()
    low = False
    for part, limit, files in LIMITS[:1] if measured_parts == "core" else LIMITS:
        print(f"\nCoverage of {part}, lines and branches; at least {limit} %:", flush=True)
        low |= measured.report(**files, precision=2) < limit
    return int(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
