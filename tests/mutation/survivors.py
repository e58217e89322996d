"""The list of surviving mutants with their reasons: survivors.toml. Must not depend on tests."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "survivors.toml"


@dataclass(frozen=True, order=True)
class Survivor:
    """A mutant that no test detects: the line, the operator and the replacement of the line."""

    module: str
    line: str
    operator: str
    replacement: str


def read_survivors(file: Path = FILE) -> dict[Survivor, str]:
    """Return the survivors and their reasons, in the order of the file."""
    return {
        Survivor(module, entry["line"], *mutant): entry["reason"].strip()
        for module, entries in tomllib.loads(file.read_text()).items()
        for entry in entries
        for mutant in entry["mutants"]
    }


def compare(actual: Collection[Survivor], modules: Collection[str]) -> tuple[list[Survivor], list[Survivor]]:
    """Return the survivors of these modules that are not listed, and the listed ones that did not survive."""
    listed = {survivor for survivor in read_survivors() if survivor.module in modules}
    return sorted(set(actual) - listed), sorted(listed - set(actual))
