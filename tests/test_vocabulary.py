"""The language of code and documents: plain technical English, measured and compared with fixed limits.

The checks read the source of the installed packages and the tests. A finding is printed as `file:line: text`.
"""

import ast
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import local_cognito
import pytest

from tests.support import source

PROJECT = source.PROJECT_DIRECTORY
PACKAGES = {
    "django_cognito": source.PACKAGE_DIRECTORY,
    "local_cognito": Path(local_cognito.__file__).parent,
}
TESTS = ("tests", "packages/local-cognito/tests")
DOCUMENTS = sorted(
    path
    for pattern in ("*.md", "docs/**/*.md", "benchmarks/*.md", "packages/*/*.md", "tests/*/*.md")
    for path in PROJECT.glob(pattern)
)
TEMPLATES = sorted(
    path for directory in (*PACKAGES.values(), PROJECT / "example_project") for path in directory.rglob("*.html")
)
IMAGES = sorted((PROJECT / "docs" / "images").glob("*.svg"))

# A participle or an adverb alone does not say what a value is.
PARTICIPLES = {
    *("asked", "each", "found", "given", "gone", "heard", "held", "here", "kept"),
    *("known", "named", "ours", "said", "taken", "told"),
}
# Words that are no part of a name: "told_by", "is_nobody".
BANNED_IN_NAMES = {
    *("anybody", "asked", "door", "doors", "everybody", "heard", "house", "kept", "mend", "nobody"),
    *("ours", "somebody", "told", "twin", "whoever", "youngest"),
}
# Public functions with one word, by the reason why the word is enough.
ONE_WORD_FUNCTIONS = {
    "Django's names of views, backend methods and template filters": {
        "aauthenticate",
        "authenticate",
        "callback",
        "login",
        "logout",
    },
    "the names of the URLs, which are stable": {"link", "unlink"},
    "the standard terms of cryptography": {"decrypt", "encrypt", "jwks", "sign", "verify"},
    "a converter of the seed, named after the type that it returns": {"boolean"},
    "the name of a python -m entry point": {"main"},
}

TEST_NAME_CHARACTERS = 66

BANNED_PHRASES = {
    pattern: re.compile(rf"\b(?:{pattern})\b", re.I)
    for pattern in (
        "whoever",
        "whomever",
        "somebody",
        "nobody",
        "anybody",
        "everybody",
        "by way of",
        "to the letter",
        "letter by letter",
        "hand(?:s|ed|ing)? (?:it |them )?on",
        "mend(?:s|ed|ing)?",
        "doors?",
        "the (?:house|roof|wing)",
        "beg[iau]ns? once more",
        "youngest",
        "(?:is|are|was|were|be|been|being) told",
        "(?:in|at) hand",
        "latest word",
        "known tokens?",
        "withdrawn keys?",
        "under way",
        "twins?",
        "a visitor",
        "(?:token|code|login|session|sign-in) is over",
        "speaks? of",
        "turned away",
        "lead(?:s)? somewhere",
        "set up right",
    )
}
ANY_BANNED_PHRASE = re.compile("|".join(pattern.pattern for pattern in BANNED_PHRASES.values()), re.I)
BANNED_HEADINGS = frozenset({"what is not", "the rest", "ways in", "what follows", "which one", "the house"})

# Occurrences per 1,000 words of docstrings and comments.
AT_MOST = {
    r"where": 1.5,
    r"says?|said": 1,
    r"ask(?:ed|s|ing)?": 1,
    r"(?:some|no|any|every)body(?:'s)?": 0.5,
    r"known|knows?": 1.5,
    r"kept|keeps?": 2,
    r"who(?:ever|mever)|what(?:ever)|whichever": 0.5,
    r"told|tells?|telling": 0.5,
}
AT_LEAST = {r"return(?:s|ed|ing)?": 2}
# The same words per 1,000 words of all documents; prose may say "where" of a place.
AT_MOST_IN_DOCUMENTS = AT_MOST | {r"where": 2, r"kept|keeps?": 3}


@pytest.mark.parametrize("package", [*PACKAGES, "example_project", *TESTS])
def test_names_are_no_participles_and_hold_no_banned_word(package: str) -> None:
    findings = [
        f"{_where(module.path)}:{line}: {name}"
        for module in _modules(package)
        for line, name in module.names
        if name in PARTICIPLES or BANNED_IN_NAMES & set(_words_of(name))
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("package", PACKAGES)
def test_public_functions_are_verb_and_object(package: str) -> None:
    allowed = set().union(*ONE_WORD_FUNCTIONS.values())
    findings = [
        f"{_where(module.path)}:{line}: {name}"
        for module in _modules(package)
        for line, name in module.functions
        if re.fullmatch("[a-z0-9]+", name) and name not in allowed
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("package", [*PACKAGES, "example_project"])
def test_docstrings_comments_and_messages_use_no_banned_phrase(package: str) -> None:
    findings = [
        f"{_where(module.path)}:{line}: {phrase}"
        for module in _modules(package)
        for line, text in [*module.comments, *module.strings]
        for line, phrase in _banned(text, line)
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("directory", TESTS)
def test_docstrings_and_comments_of_tests_use_no_banned_phrase(directory: str) -> None:
    findings = [
        f"{_where(module.path)}:{line}: {phrase}"
        for module in _modules(directory)
        for line, text in [*module.comments, *module.docstrings]
        for line, phrase in _banned(text, line)
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("directory", TESTS)
def test_test_names_are_within_the_limit(directory: str) -> None:
    findings = [
        f"{_where(module.path)}:{line}: {len(name)} characters: {name}"
        for module in _modules(directory)
        for line, name in module.names
        if name.startswith("test_") and len(name) > TEST_NAME_CHARACTERS
    ]
    assert not findings, "\n".join(findings)


@pytest.mark.parametrize("document", [*DOCUMENTS, *TEMPLATES, *IMAGES], ids=lambda path: _where(path))
def test_documents_and_pages_use_no_banned_phrase(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    headings = [heading.lower() for heading in re.findall(r"^#+ (.+)$", text, re.M)]
    findings = [f"{_where(document)}:{line}: {phrase}" for line, phrase in _banned(text)]
    assert not findings, "\n".join(findings)
    assert BANNED_HEADINGS.isdisjoint(headings)


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_and_comments_stay_within_the_limits(package: str) -> None:
    texts = [text for module in _modules(package) for _, text in [*module.comments, *module.docstrings]]
    assert _beyond("\n".join(texts), AT_MOST, AT_LEAST) == {}


def test_documents_stay_within_the_limits() -> None:
    texts = [re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.S) for path in DOCUMENTS]
    assert _beyond("\n".join(texts), AT_MOST_IN_DOCUMENTS, {}) == {}


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Whoever signs out is told so.", ["whoever", "is told"]),
        ("It is handed on\nby way of\nthe session.", ["handed on", "by way of"]),
        ("handed\n    # on", []),
        ("The warehouse recommends that the user signs out, by hand.", []),
        ("The token is over a thousand bytes.", ["token is over"]),
    ],
)
def test_banned_phrases_are_found_as_whole_words(text: str, phrases: list[str]) -> None:
    assert sorted(phrase for _, phrase in _banned(text)) == sorted(phrases)


def test_banned_phrases_are_found_in_docstrings_with_their_line() -> None:
    code = '"""Whoever."""\n\n\ndef f(x):\n    """Return x.\n\n    Or nobody.\n    """\n    return "told"\n'
    phrases = [item for line, text in _docstrings(ast.walk(ast.parse(code))) for item in _banned(text, line)]
    assert phrases == [(1, "whoever"), (7, "nobody")]


def test_comment_is_found_and_text_of_a_string_is_not() -> None:
    code = 'a = "# b"  # c "d\ne = \'\\\'# f\'\n"""g\n# h\n"""\n# i\nj = r"\\d # k"  # l\n'
    assert list(source.find_comments(code)) == [(1, '# c "d'), (6, "# i"), (7, "# l")]


def test_banned_phrases_are_found_in_messages_docstrings_and_comments() -> None:
    code = '"""Whoever."""\n# nobody\ndef f(x):\n    raise ValueError(f"{x} is told")\n'
    phrases = [
        phrase
        for line, text in [*source.find_comments(code), *_texts(ast.walk(ast.parse(code)))]
        for _, phrase in _banned(text, line)
    ]
    assert sorted(phrases) == ["is told", "nobody", "whoever"]


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("found = 1", ["found"]),
        ("def f(given, *, told=None, **kept): pass", ["f", "given", "kept", "told"]),
        ("for each in range(2): pass", ["each"]),
        ("class A:\n    held: int = 0\n", ["A", "held"]),
        ("self.asked = 1", ["asked"]),
        ("import x as gone\nwith a as heard: pass", ["gone", "heard"]),
    ],
)
def test_names_are_found_in_every_kind_of_assignment(code: str, names: list[str]) -> None:
    assert sorted(name for _, name in _assigned_names(ast.walk(ast.parse(code)))) == names


@pytest.mark.parametrize(
    ("text", "beyond"),
    [("where " * 2 + "word " * 998, {"where": 2.0}), ("where " + "word " * 999, {}), ("", {})],
)
def test_limits_are_per_thousand_words(text: str, beyond: dict[str, float]) -> None:
    assert _beyond(text, {"where": 1.5}, {}) == beyond


def test_a_word_that_is_too_rare_is_reported() -> None:
    assert _beyond("word " * 1000, {}, {"return": 2}) == {"return": 0.0}


@dataclass(frozen=True)
class _Module:
    """What the checks read of a module, by line. Its syntax tree is not stored: those of all tests take 100 MB."""

    path: Path
    names: list[tuple[int, str]]
    functions: list[tuple[int, str]]  # at module level
    comments: list[tuple[int, str]]
    docstrings: list[tuple[int, str]]
    strings: list[tuple[int, str]]  # with the docstrings


def _read_module(module: source.Module) -> _Module:
    tree = ast.parse(module.text)
    nodes = list(ast.walk(tree))
    functions = (node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return _Module(
        path=module.path,
        names=list(_assigned_names(nodes)),
        functions=[(node.lineno, node.name) for node in functions],
        comments=list(source.find_comments(module.text)),
        docstrings=list(_docstrings(nodes)),
        strings=list(_texts(nodes)),
    )


@cache
def _modules(package: str) -> tuple[_Module, ...]:
    """Return the modules of `package` without its migrations, which describe the past."""
    directory = PACKAGES.get(package, PROJECT / package)
    modules = source.modules(directory)
    assert modules, f"{directory} has no modules"
    return tuple(_read_module(module) for name, module in modules.items() if "migrations" not in name.split("."))


def _where(path: Path) -> str:
    return str(path.relative_to(PROJECT)) if path.is_relative_to(PROJECT) else str(path)


def _words_of(name: str) -> list[str]:
    """Split `name` at underscores and before capitals; return the words in lower case."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().split("_")


def _assigned_names(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and name of every variable, attribute, parameter, function and class that `nodes` define."""
    for node in nodes:
        match node:
            case ast.Name(ctx=ast.Store()):
                yield node.lineno, node.id
            case ast.Attribute(ctx=ast.Store()):
                yield node.lineno, node.attr
            case ast.arg():
                yield node.lineno, node.arg
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                yield node.lineno, node.name
            case ast.alias(asname=str(name)):
                yield node.lineno, name


def _texts(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and text of every string: docstrings, messages, hints, page texts."""
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


def _docstrings(nodes: Iterable[ast.AST]) -> Iterator[tuple[int, str]]:
    """Yield line and text of the docstring of each module, class and function of `nodes`."""
    for node in nodes:
        is_documented = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Module)
        if is_documented and (docstring := ast.get_docstring(node)):
            yield node.body[0].lineno, docstring


def _banned(text: str, first_line: int = 1) -> Iterator[tuple[int, str]]:
    """Yield line and phrase of each banned phrase in `text`; a line break counts as a space."""
    flat = re.sub(r"\s", " ", text)
    if not ANY_BANNED_PHRASE.search(flat):
        return
    for pattern in BANNED_PHRASES.values():
        for match in pattern.finditer(flat):
            yield first_line + text.count("\n", 0, match.start()), match[0].lower()


def _beyond(text: str, at_most: Mapping[str, float], at_least: Mapping[str, float]) -> dict[str, float]:
    """Return the words beyond their limits with their occurrences per 1,000 words of `text`."""
    words = max(len(re.findall(r"[A-Za-z']+", text)), 1)
    rates = {
        word: round(1000 * len(re.findall(rf"\b(?:{word})\b", text, re.I)) / words, 1)
        for word in {**at_most, **at_least}
    }
    return {
        word: rate for word, rate in rates.items() if rate > at_most.get(word, rate) or rate < at_least.get(word, rate)
    }
