"""Copy the files that the tests read to another directory: `python tests/copy_project.py DIRECTORY`.

The copy contains no packages, so that the tests import the installed wheels.
"""

import shutil
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
NAMES = (
    ".ci", "CHANGELOG.md", "CONTRIBUTING.md", "README.md", "SECURITY.md", "benchmarks", "docs", "example_project",
    "packages", "pyproject.toml", "tests", "tox.ini",
)  # fmt: skip
IGNORED = shutil.ignore_patterns("__pycache__", "*.sqlite3*", "node_modules", "local_cognito")


def copy_to(directory: Path) -> None:
    """Copy all of `NAMES` into `directory`, which exists and is empty."""
    for source in (PROJECT / name for name in NAMES):
        if source.is_dir():
            shutil.copytree(source, directory / source.name, ignore=IGNORED)
        else:
            shutil.copy2(source, directory)


if __name__ == "__main__":
    copy_to(Path(sys.argv[1]))
