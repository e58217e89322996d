"""Fuzz core with atheris: `python -m tests.fuzz verify --seconds 600`. Default: all targets, one after the other.

If a target fails, the exit status is not zero and the input is in a file `finding-verify-...`. To run it again:
`python -m tests.fuzz verify --replay FILE`.
"""

import argparse
import subprocess
import sys
import tempfile
from pathlib import Path

TARGETS = ("compact", "verify", "key_set")
# The maximum length is above TOKEN_MAX_BYTES; longer inputs only take longer.
_BOUNDS = ("-max_len=20000", "-timeout=10", "-rss_limit_mb=1024", "-print_final_stats=1")


def main() -> int:
    """Fuzz each target in its own process, which libFuzzer ends; return 0 if no target fails."""
    options = _create_parser().parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        return max(_fuzz(target, options, Path(scratch)) for target in options.targets or TARGETS)


def _create_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=int, default=60, help="time limit for each target; 0: no limit")
    parser.add_argument("--runs", type=int, default=-1, help="number of inputs for each target; default: no limit")
    parser.add_argument("--corpus", type=Path, help="directory that stores inputs between runs")
    parser.add_argument("--replay", type=Path, help="run this input only")
    return parser


def _fuzz(target: str, options: argparse.Namespace, scratch: Path) -> bool:
    corpus = (options.corpus or scratch) / target
    corpus.mkdir(parents=True, exist_ok=True)
    limits = (f"-max_total_time={options.seconds}", f"-runs={options.runs}", f"-artifact_prefix=finding-{target}-")
    command = [sys.executable, "-m", "tests.fuzz.libfuzzer", target, str(options.replay or corpus), *limits, *_BOUNDS]
    return subprocess.run(command, check=False).returncode != 0


if __name__ == "__main__":
    sys.exit(main())
