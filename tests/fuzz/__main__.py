"""Fuzzes core with atheris: `python -m tests.fuzz verify --seconds 600`; without a target all of them, one by one.

The exit status is not zero where something was found; the input then lies in a file `finding-verify-...`, and
`python -m tests.fuzz verify --replay FILE` runs it again.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("compact", "verify", "key_set")
# The longest input is longer than TOKEN_MAX_BYTES: beyond that it takes longer and says nothing new.
_BOUNDS = ("-max_len=20000", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> int:
    """Fuzz each target in a process of its own, which libFuzzer ends; 0 if nothing was found."""
    options = _parser().parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return max(_fuzz(target, options, Path(scratch)) for target in options.targets or TARGETS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="for each target; 0 is without end")
    parser.add_argument("--runs", type=int, default=-1, help="inputs for each target; by default not counted")
    parser.add_argument("--corpus", type=Path, help="where inputs are kept from one run to the next")
    parser.add_argument("--replay", type=Path, help="one input")
    return parser


def _fuzz(target: str, options: argparse.Namespace, scratch: Path) -> bool:
    corpus = (options.corpus or scratch) / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = (f"-max_total_time={options.seconds}", f"-runs={options.runs}", f"-artifact_prefix=finding-{target}-")
    command = [sys.executable, "-m", "tests.fuzz.libfuzzer", target, str(options.replay or corpus), *limits, *_BOUNDS]
    return subprocess.run(command, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
