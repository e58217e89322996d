"""The code of core's modules: which are tried, which are not and why, and whether one has changed since it was tried.

Must not import cosmic-ray: the suite checks the published table without it.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import PACKAGE_DIRECTORY

CORE = PACKAGE_DIRECTORY / "core"
# Which tests are run for a module's mutants: first the file that mirrors it, then others, except slow ones.
TESTS = {
    "tokens.verifier": (
        "tokens/test_verifier",
        "tokens/test_vectors",
        "tokens/test_verified_cache",
        "tokens/test_unusual_tokens",
        "tokens/test_incidents",
        "tokens/test_key_store",
        "tokens/test_attacks",
        "tokens/test_costs",
    ),
    "tokens.token": ("tokens/test_token", "tokens/test_verifier", "tokens/test_vectors", "tokens/test_verified_cache"),
    "tokens.jwks": ("tokens/test_jwks", "tokens/test_key_store", "tokens/test_verifier"),
    "tokens.decoding": (
        "tokens/test_decoding",
        "tokens/test_jws",
        "tokens/test_vectors",
        "tokens/test_unusual_tokens",
        "tokens/test_fast_path",
    ),
    "tokens.jws": (
        "tokens/test_jws",
        "tokens/test_decoding",
        "tokens/test_vectors",
        "tokens/test_unusual_tokens",
        "tokens/test_verifier",
        "tokens/test_attacks",
        "tokens/test_costs",
    ),
    "tokens.claims": (
        "tokens/test_claims",
        "tokens/test_vectors",
        "tokens/test_unusual_tokens",
        "tokens/test_verifier",
        "tokens/test_incidents",
        "tokens/test_attacks",
    ),
    "tokens.verified_cache": ("tokens/test_verified_cache", "tokens/test_verifier"),
    "tokens.key_store": (
        "tokens/test_key_store",
        "tokens/test_verifier",
        "tokens/test_verified_cache",
        "faults/test_outages",
        "faults/test_rotation",
        "faults/test_clocks",
        "faults/test_concurrency",
    ),
    "http.client": ("http/test_client", "http/test_limits"),
    "hosted_ui": ("test_hosted_ui", "test_client_secret"),
    "identity_pool": ("test_identity_pool",),
    "user_pool": ("test_user_pool",),
    "directory": ("test_directory",),
}
NOT_TRIED = {
    "base64url": "two functions that tests/login/test_state.py compares with their inverse",
    "clock": "two calls of the standard library, which tests/core/test_clock.py compares with changed clocks",
    "client_secret": "threads and forks are its subject: most of its mutants wait for a time limit",
    "http.deadline": "deadlines of sockets are its subject: most of its mutants wait for a time limit",
    "errors": "declarations, which tests/core/test_errors.py compares one by one",
    "tokens.key_events": "declarations",
    "forks": "two functions that run in forked children, which the trial cannot fork again",
    "tracebacks": "what it does is seen in frames, which the trial's own tracebacks would keep",
}


def modules() -> frozenset[str]:
    """Return the names of core's modules, without `django_cognito.core.`."""
    paths = (path.relative_to(CORE).with_suffix("") for path in CORE.rglob("*.py") if path.stem != "__init__")
    return frozenset(".".join(path.parts) for path in paths)


def path_of(module: str) -> Path:
    """Return the file of a module of core, such as "tokens.verifier"."""
    return CORE.joinpath(*module.split(".")).with_suffix(".py")


def digest_of(module: str) -> str:
    """Return a digest of a module's code. Comments, docstrings and the width of white space do not count."""
    return digest_of_source(path_of(module).read_text())


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
