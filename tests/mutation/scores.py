"""The score of each module in its last run, as values and as scores.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parent / "scores.json"


@dataclass(frozen=True)
class Score:
    """The counts of a module: mutants, mutants that cannot be imported (`unfit`), and killed mutants."""

    date: str
    mutants: int
    unfit: int
    killed: int
    versions: Mapping[str, str]
    digest: str = ""  # of the code at that time

    @property
    def survivors(self) -> int:
        """The number of mutants that no test detected."""
        return self.mutants - self.unfit - self.killed

    @property
    def percent(self) -> float:
        """The percentage of killed mutants among those that can be imported."""
        return 100 * self.killed / ((self.mutants - self.unfit) or 1)


def read_scores(file: Path = FILE) -> dict[str, Score]:
    """Return the scores by module."""
    return {module: Score(**data) for module, data in json.loads(file.read_text()).items()} if file.exists() else {}


def write_scores(scores: Mapping[str, Score], file: Path = FILE) -> None:
    """Replace the scores of these modules in `file`."""
    data = {module: asdict(score) for module, score in sorted({**read_scores(file), **scores}.items())}
    file.write_text(json.dumps(data, indent=1) + "\n")
