"""Run one target with libFuzzer, which ends the process. `python -m tests.fuzz` starts it."""

import importlib
import sys
from pathlib import Path

import atheris


def main(name: str, inputs: Path, *arguments: str) -> None:
    """Fuzz with the inputs in the directory `inputs`, to which the seeds are added; or run one input file."""
    with atheris.instrument_imports(include=["django_cognito.core"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    if inputs.is_dir():
        for number, seed in enumerate(target.seeds()):
            (inputs / f"seed-{number}").write_bytes(seed)
    mutator = getattr(target, "mutate", None)
    atheris.Setup([sys.argv[0], *arguments, str(inputs)], target.check, custom_mutator=mutator)
    atheris.Fuzz()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), *sys.argv[3:])
