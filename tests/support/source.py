"""The package's source as data: its modules, parsed and never run. Contains no rules; the tests do."""

import ast
import re
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from types import MappingProxyType

import local_cognito

import django_cognito

PACKAGE = "django_cognito"
# The directory of the installed package, not of this file: the suite also runs against the wheel.
PACKAGE_DIRECTORY = Path(django_cognito.__file__).parent
# The directory of the documents, tox.ini and the example.
PROJECT_DIRECTORY = Path(__file__).resolve().parents[2]
EXAMPLE = PROJECT_DIRECTORY / "example_project"
# The distributions of this repository, by the path of their packages in the checkout.
_INSTALLED = {
    PACKAGE: PACKAGE_DIRECTORY,
    "packages/local-cognito/local_cognito": Path(local_cognito.__file__).parent,
}
# A string or a comment of Python: what looks like a comment inside a string belongs to the string.
_STRING_OR_COMMENT = re.compile(
    r"""("{3}|'{3})(?:\\.|[^\\])*?\1|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|#[^\n]*""", re.DOTALL
)


@dataclass(frozen=True)
class Import:
    """One imported name: its module, dotted and absolute, and how it is imported."""

    target: str
    line: int
    at_import_time: bool  # at module or class level, and not only for type checkers


@dataclass(frozen=True)
class Module:
    """One file of a package. `name` is dotted and absolute; the name of a package means its `__init__`."""

    name: str
    path: Path
    is_package: bool

    @cached_property
    def text(self) -> str:
        """Return the source of the file."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def tree(self) -> ast.Module:
        """Return the parsed file."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Return all nodes of the parsed file."""
        return tuple(ast.walk(self.tree))


def path_of(name: str) -> Path:
    """Return the path of a file of the checkout; the packages may be installed from wheels instead."""
    for package, directory in _INSTALLED.items():
        if name.startswith(f"{package}/"):
            return directory / name.removeprefix(f"{package}/")
    return PROJECT_DIRECTORY / name


@cache
def modules(directory: Path = PACKAGE_DIRECTORY) -> Mapping[str, Module]:
    """Return every module of the package in `directory` by its dotted name; each is read and parsed at most once."""
    result = {}
    for path in sorted(directory.rglob("*.py")):
        parts = path.relative_to(directory.parent).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        result[name] = Module(name, path, is_package)
    return MappingProxyType(result)


def find_comments(text: str) -> Iterator[tuple[int, str]]:
    """Yield line and text of each comment of a module's source. `tokenize` takes eight times as long."""
    line, end = 1, 0
    for match in _STRING_OR_COMMENT.finditer(text):
        line += text.count("\n", end, match.start())
        end = match.start()
        if match[0].startswith("#"):
            yield line, match[0]


def imports(module: Module, existing: Container[str]) -> Iterator[Import]:
    """Yield all imports of `module`, also in functions and TYPE_CHECKING blocks; relative imports are resolved.

    `from package import name` counts as the module `package.name` if `existing` contains it, otherwise as `package`.
    """
    for node, at_import_time in _import_nodes(module.tree, at_import_time=True):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        else:
            source = _absolute(node, module)
            full = [f"{source}.{alias.name}" for alias in node.names]
            targets = [name if name in existing else source for name in full]
        for target in dict.fromkeys(targets):
            yield Import(target, node.lineno, at_import_time)


def _import_nodes(node: ast.AST, *, at_import_time: bool) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_import_time
            continue
        later = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) or _is_for_types(child)
        yield from _import_nodes(child, at_import_time=at_import_time and not later)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def _absolute(node: ast.ImportFrom, module: Module) -> str:
    """Return the dotted name of the imported module; a relative import counts its dots from the module's package."""
    if not node.level:
        return node.module or ""
    package = module.name if module.is_package else module.name.rpartition(".")[0]
    for _ in range(node.level - 1):
        package = package.rpartition(".")[0]
    return f"{package}.{node.module}" if node.module else package
