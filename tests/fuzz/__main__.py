"""Fuzzes core with atheris: `python -m tests.fuzz verify --seconds 600`; without a target all of them, one by one.

The exit status is not zero where something was found; the input then lies in a file `finding-verify-...`, and
`python -m tests.fuzz verify --replay FILE` runs it again.
"""

import argparse
import importlib
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import atheris

TARGETS = ("compact", "verify", "key_set")
# Longer than TOKEN_MAX_BYTES takes longer and says nothing new.
_MAX_INPUT_BYTES = 20_000


def main() -> int:
    """Fuzz one target here, or each in a process of its own: libFuzzer ends the one that it ran in."""
    options = _parser().parse_args()
    if len(options.targets) == 1:
        _fuzz(options.targets[0], options)
    given = [f"--{name}={value}" for name, value in vars(options).items() if name != "targets" and value]
    command = [sys.executable, "-m", "tests.fuzz", *given]
    return max(subprocess.run([*command, target], check=False).returncode != 0 for target in options.targets)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", default=list(TARGETS), help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target; 0 is without end")
    parser.add_argument("--runs", type=int, default=0, help="inputs for each target; 0 counts none")
    parser.add_argument("--corpus", type=Path, help="where inputs are kept from one run to the next")
    parser.add_argument("--replay", type=Path, help="one input")
    return parser


def _fuzz(name: str, options: argparse.Namespace) -> None:
    with atheris.instrument_imports(include=["django_cognito.core"]):
        target = importlib.import_module(f"tests.fuzz.{name}")
    with tempfile.TemporaryDirectory() as scratch:
        corpus = (options.corpus or Path(scratch)) / name
        _sow(target, corpus)
        limits = [f"-max_total_time={options.seconds}", *([f"-runs={options.runs}"] if options.runs else [])]
        checks = [f"-max_len={_MAX_INPUT_BYTES}", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1"]
        arguments = [*limits, *checks, f"-artifact_prefix=finding-{name}-", str(options.replay or corpus)]
        atheris.Setup([sys.argv[0], *arguments], target.judge, custom_mutator=getattr(target, "mutated", None))
        atheris.Fuzz()


def _sow(target: ModuleType, corpus: Path) -> None:
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)


if __name__ == "__main__":
    sys.exit(main())
