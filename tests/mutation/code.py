"""The code of core's modules: which are tried, which are not and why, and whether one has changed since it was tried.

Must not import cosmic-ray: the suite checks the published table without it.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator

from tests.source import PACKAGE_DIRECTORY

CORE = PACKAGE_DIRECTORY / "core"
# Which tests are run for a module's mutants: first the file that mirrors it, then others, except slow ones.
TESTS = {
    "verifier": (
        "test_verifier", "test_known_tokens", "test_odd_tokens", "test_incidents", "test_key_store", "test_attacks",
        "test_costs",
    ),
    "token": ("test_token", "test_verifier", "test_known_tokens"),
    "jwks": ("test_jwks", "test_key_store", "test_verifier"),
    "compact": ("test_compact", "test_odd_tokens", "test_verifier", "test_attacks", "test_costs"),
    "claims": ("test_claims", "test_odd_tokens", "test_verifier", "test_incidents", "test_attacks"),
    "known_tokens": ("test_known_tokens", "test_verifier"),
    "key_store": (
        "test_key_store", "test_verifier", "test_known_tokens", "faults/test_outages", "faults/test_rotation",
        "faults/test_clocks", "faults/test_at_once",
    ),
    "http": ("test_http", "test_http_limits"),
    "hosted_ui": ("test_hosted_ui", "test_client_secret"),
    "identity_pool": ("test_identity_pool",),
    "pool": ("test_pool",),
    "directory": ("test_directory",),
}  # fmt: skip
NOT_TRIED = {
    "clock": "two calls of the standard library, which tests/test_clock.py compares with changed clocks",
    "client_secret": "threads and forks are its subject: most of its mutants wait for a time limit",
    "connections": "deadlines of sockets are its subject: most of its mutants wait for a time limit",
    "errors": "declarations, which tests/core/test_errors.py compares one by one",
    "events": "declarations",
    "forks": "two functions that run in forked children, which the trial cannot fork again",
}


def modules() -> frozenset[str]:
    """Return the names of core's modules."""
    return frozenset(path.stem for path in CORE.glob("*.py")) - {"__init__"}


def digest_of(module: str) -> str:
    """Return a digest of a module's code. Comments, docstrings and the width of white space do not count."""
    return digest_of_source((CORE / f"{module}.py").read_text())


def digest_of_source(source: str) -> str:
    """Return the digest of a module with this source; the same on every version of Python."""
    lines = source.splitlines()
    for (first, start), (last, end) in sorted(_left_out(source), reverse=True):
        lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:]]
    return hashlib.sha256(" ".join(" ".join(lines).split()).encode()).hexdigest()[:16]


def _left_out(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start, token.end
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = node.body[0] if node.body and ast.get_docstring(node) is not None else None
            if text is not None and text.end_lineno is not None and text.end_col_offset is not None:
                yield (text.lineno, text.col_offset), (text.end_lineno, text.end_col_offset)
