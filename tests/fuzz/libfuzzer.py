"""One target under libFuzzer, which ends the process: `python -m tests.fuzz` starts it."""

import importlib
import sys
from pathlib import Path

import atheris


def main(name: str, inputs: Path, *arguments: str) -> None:
    """Fuzz from the inputs in a directory, its seeds among them; or run one input."""
    with atheris.instrument_imports(include=["django_cognito.core"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    if inputs.is_dir():
        for number, seed in enumerate(target.seeds()):
            (inputs / f"seed-{number}").write_bytes(seed)
    mutator = getattr(target, "mutated", None)
    atheris.Setup([sys.argv[0], *arguments, str(inputs)], target.judge, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
