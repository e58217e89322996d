"""The mutants that are known to survive, each with its reason: survivors.toml. Knows no tests."""

import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "survivors.toml"


@dataclass(frozen=True, order=True)
class Survivor:
    """A mutant that no test tells from the module itself: what its line becomes, and by which operator."""

    module: str
    line: str
    operator: str
    becomes: str


def read(file: Path = FILE) -> dict[Survivor, str]:
    """The reason of each, in the order of the list."""
    return {
        Survivor(module, entry["line"], *mutant): entry["reason"].strip()
        for module, entries in tomllib.loads(file.read_text()).items()
        for entry in entries
        for mutant in entry["mutants"]
    }


def compared(found: Collection[Survivor], modules: Collection[str]) -> tuple[list[Survivor], list[Survivor]]:
    """Which of those found in these modules are not in the list, and which of the list were not found."""
    listed = {survivor for survivor in read() if survivor.module in modules}
    return sorted(set(found) - listed), sorted(listed - set(found))
