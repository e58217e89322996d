"""The entry point of `python -m local_cognito` and `local-cognito`. It imports nothing else before it runs."""

import sys
from collections.abc import Sequence

_EXIT_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command and return the exit code of the process. A missing dependency is an error message."""
    try:
        from .command import run_command
    except ImportError as error:
        missing = f"the module {error.name}" if isinstance(error, ModuleNotFoundError) else str(error)
        sys.stderr.write(
            f"The local Cognito needs packages that are not installed or too old: {missing}. "
            "Install all of them: pip install --upgrade local-cognito\n"
        )
        return _EXIT_USAGE
    return run_command(arguments)


if __name__ == "__main__":
    sys.exit(main())
