"""The modules of core: which have mutation tests, which have none and why, and whether one has changed since its run.

Must not import cosmic-ray: the tests check the published table without it.
"""

import ast
import hashlib
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

from tests.support.source import PACKAGE_DIRECTORY

CORE = PACKAGE_DIRECTORY / "core"
# The test files that run for the mutants of a module: first the one that mirrors it, then others, except slow ones.
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
    "published_secret": ("test_published_secret",),
    "auth_api.user_api": ("auth_api/test_user_api", "test_hosted_ui"),
    "auth_api.api_errors": ("auth_api/test_api_errors", "auth_api/test_user_api"),
    "identity_pool": ("test_identity_pool",),
    "user_pool": ("test_user_pool",),
    "directory": ("test_directory",),
    "error_responses": ("test_error_responses", "test_hosted_ui"),
}
UNTESTED = {
    "base64url": "two functions; tests/login/test_state.py checks that they are inverse",
    "clock": "two calls of the standard library; tests/core/test_clock.py checks them with changed clocks",
    "client_secret": "code for threads and forks: most of its mutants wait for a time limit",
    "http.deadline": "code for socket deadlines: most of its mutants wait for a time limit",
    "token_endpoints": "declarations and one function, which tests/core/test_hosted_ui.py checks",
    "http.exchange": "code for sockets: most of its mutants wait for a time limit",
    "errors": "declarations; tests/core/test_errors.py compares each of them",
    "tokens.key_events": "declarations",
    "forks": "two functions that run in forked child processes, which a trial cannot fork again",
    "tracebacks": "it clears frames, to which the tracebacks of a trial would hold references",
}


def list_modules() -> frozenset[str]:
    """Return the names of core's modules, without `django_cognito.core.`."""
    paths = (path.relative_to(CORE).with_suffix("") for path in CORE.rglob("*.py") if path.stem != "__init__")
    return frozenset(".".join(path.parts) for path in paths)


def get_path(module: str) -> Path:
    """Return the file of a module of core, such as "tokens.verifier"."""
    return CORE.joinpath(*module.split(".")).with_suffix(".py")


def compute_module_digest(module: str) -> str:
    """Return a digest of a module's code, without comments, docstrings and the width of white space."""
    return compute_digest(get_path(module).read_text())


def compute_digest(source: str) -> str:
    """Return the digest of a module with this source. It is the same on every version of Python."""
    lines = source.splitlines()
    for (first, start), (last, end) in sorted(_find_comments(source), reverse=True):
        lines[first - 1 : last] = [lines[first - 1][:start] + lines[last - 1][end:]]
    return hashlib.sha256(" ".join(" ".join(lines).split()).encode()).hexdigest()[:16]


def _find_comments(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield the start and the end of each comment and docstring, as line and column."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield token.start, token.end
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = node.body[0] if node.body and ast.get_docstring(node) is not None else None
            if docstring is not None and docstring.end_lineno is not None and docstring.end_col_offset is not None:
                yield (docstring.lineno, docstring.col_offset), (docstring.end_lineno, docstring.end_col_offset)
