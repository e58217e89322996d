"""What the last run of each module found, as values and as scores.json."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = Path(__file__).parent / "scores.json"


@dataclass(frozen=True)
class Score:
    """How many mutants of a module there were, how many could not even be imported, and how many of the others died."""

    date: str
    mutants: int
    unfit: int
    killed: int
    versions: Mapping[str, str]
    digest: str = ""  # of the code that was tried

    @property
    def survivors(self) -> int:
        """How many no test noticed."""
        return self.mutants - self.unfit - self.killed

    @property
    def percent(self) -> float:
        """How many of a hundred were noticed, of those that could be imported."""
        return 100 * self.killed / ((self.mutants - self.unfit) or 1)


def read(file: Path = FILE) -> dict[str, Score]:
    """The scores, by module."""
    return {module: Score(**said) for module, said in json.loads(file.read_text()).items()} if file.exists() else {}


def write(scores: Mapping[str, Score], file: Path = FILE) -> None:
    """Put these in the place of earlier ones of the same modules."""
    said = {module: asdict(score) for module, score in sorted({**read(file), **scores}.items())}
    file.write_text(json.dumps(said, indent=1) + "\n")
