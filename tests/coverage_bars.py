"""Holds the last run's coverage against what is asked: `python -m tests.coverage_bars [PYTEST'S ARGUMENTS]`.

A run of some tests alone, one with arguments, proves nothing about coverage and is let through.
"""

import sys

import coverage

BARS = (("core", 100, {"include": "*/django_cognito/core/*"}), ("the rest", 99, {"omit": "*/django_cognito/core/*"}))


def main(arguments: list[str]) -> int:
    """Report each part of the package; 0 if all reach their bar."""
    if arguments:
        return 0
    measured = coverage.Coverage()
    measured.load()
    low = False
    for part, bar, files in BARS:
        print(f"\nCoverage of {part}, lines and branches; at least {bar} %:", flush=True)
        low |= measured.report(**files, precision=2) < bar
    return int(low)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
