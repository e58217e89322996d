"""Every planted fault can be tried: its file is complete, it applies, its tests exist; and the runner's verdicts."""

import ast
import re
import shutil
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest

from .planted.__main__ import main
from .planted.patch import Patch, PatchError, check_patches, read_patch, read_patches
from .planted.trial import Verdict, run_unpatched, try_patch
from .support import source

CODE = "def answer():\n    return 42\n"
TESTS = "from django_cognito import answer\n\ndef test_answer():\n    assert answer() == 42\n"
HEAD = "promise: The answer is 42.\ntests: tests/test_answer.py::test_answer\n\n"
DIFF = """\
diff --git a/django_cognito/__init__.py b/django_cognito/__init__.py
--- a/django_cognito/__init__.py
+++ b/django_cognito/__init__.py
@@ -1,2 +1,2 @@
 def answer():
-    return 42
+    return {value}
"""


@pytest.fixture(scope="module")
def patches() -> list[Patch]:
    return read_patches()


def test_each_patch_applies(patches: list[Patch], tmp_path: Path) -> None:
    for name in {name for patch in patches for name in patch.files}:
        original = source.path_of(name)
        copy = tmp_path / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        if original.exists():  # else the patch makes the file
            shutil.copy(original, copy)
    # One run of git, which tries each patch alone and stops at the first that does not apply.
    if check_patches(patches, tmp_path):
        failures = {patch.name: check_patches([patch], tmp_path) for patch in patches}
        assert {name: error for name, error in failures.items() if error} == {}


def test_each_patch_names_tests_that_exist(patches: list[Patch]) -> None:
    failures = [
        f"{patch.name}: {node_id}" for patch in patches for node_id in patch.node_ids if not _test_exists(node_id)
    ]
    assert failures == []


def test_each_word_of_an_expression_is_in_a_name(patches: list[Patch]) -> None:
    failures = []
    for patch in patches:
        if words := words_of_expression(patch):
            texts = "".join(read_names(node_id) for node_id in patch.node_ids)
            failures += [f"{patch.name}: {word}" for word in sorted(words) if word not in texts]
    assert failures == []


def _test_exists(node_id: str) -> bool:
    name, *inside = node_id.partition("[")[0].split("::")
    path = source.PROJECT_DIRECTORY / name
    return path.exists() and (not inside or "::".join(inside) in read_outline(path)[0])


def words_of_expression(patch: Patch) -> set[str]:
    """Return the words of `-k` in lower case, as pytest compares them."""
    expressions = [argument for option, argument in pairwise(patch.tests) if option == "-k"]
    return {word for word in re.findall(r"[^\s()]+", " ".join(expressions).lower()) if word not in {"and", "not", "or"}}


@cache
def read_names(node_id: str) -> str:
    """Return the text of `node_id`, in lower case, that names tests: all but the bodies of functions, and vectors."""
    path = source.PROJECT_DIRECTORY / node_id.partition("::")[0]
    files = path.rglob("*.py") if path.is_dir() else [path]
    names = [file.name + read_outline(file)[1] for file in files]
    vectors = [] if path.is_dir() else [file.read_text(encoding="utf-8") for file in path.parent.rglob("*.json")]
    return "".join(names + vectors).lower()


@cache
def read_outline(path: Path) -> tuple[frozenset[str], str]:
    """Return the functions of a test file, those of classes as Class::function, and its lines outside of functions."""
    text = path.read_text(encoding="utf-8")
    tree, lines = ast.parse(text), text.splitlines()
    functions, names = ast.FunctionDef | ast.AsyncFunctionDef, set[str]()
    for node in tree.body:
        if isinstance(node, functions | ast.ClassDef):
            names.add(node.name)
        for inner in node.body if isinstance(node, ast.ClassDef) else ():
            if isinstance(inner, functions):
                names.add(f"{node.name}::{inner.name}")
                _remove_body(inner, lines)
        if isinstance(node, functions):
            _remove_body(node, lines)
    return frozenset(names), "\n".join(line.partition("  # ")[0] for line in lines if not line.lstrip().startswith("#"))


def _remove_body(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[str]) -> None:
    first, last = function.body[0].lineno, function.end_lineno or function.lineno
    lines[first - 1 : last] = [""] * (last - first + 1)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("slug.patch", HEAD + DIFF, "expected a name such as"),
        ("02-slug.patch", HEAD, "expected a unified diff"),
        ("02-slug.patch", HEAD.replace("promise: The answer is 42.", "promise:") + DIFF, "one header line 'promise"),
        ("02-slug.patch", HEAD.replace("tests: ", "tested: ") + DIFF, "one header line 'tests"),
        ("02-slug.patch", HEAD.replace("::test_answer", " --pdb") + DIFF, "takes node ids below tests/"),
        ("02-slug.patch", HEAD.replace("tests/test_answer.py::test_answer", "-k x") + DIFF, "takes node ids"),
        (
            "02-slug.patch",
            HEAD.replace("\n\n", "\ndatabase: oracle\n\n") + DIFF,
            "'database:' is one of mariadb",
        ),
        ("02-slug.patch", HEAD + DIFF.replace("b/django_cognito", "b/tests"), "changes tests/__init__.py; only these"),
    ],
)
def test_incomplete_patch_file_is_an_error(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(PatchError, match=message):
        read_patch(tmp_path / name)


def test_header_may_continue_and_have_options(tmp_path: Path) -> None:
    path = tmp_path / "02-slug.patch"
    path.write_text("promise: one\n  and two\ntests: tests/test_a.py::test_b[c d]\n  -k 'e or f'\n\n" + DIFF)
    path.write_text(path.read_text().replace("test_b[c d]", "'test_b[c d]'"))
    patch = read_patch(path)
    assert patch.promise == "one and two"
    assert patch.tests == ("tests/test_a.py::test_b[c d]", "-k", "e or f")
    assert patch.node_ids == ("tests/test_a.py::test_b[c d]",)


def test_tests_of_a_patch_run_on_its_database(project: Path) -> None:
    asks = "import os\n\ndef test_answer():\n    assert os.environ.get('DJANGO_COGNITO_TEST_DATABASE') != 'mariadb'\n"
    (project / "tests" / "test_answer.py").write_text(asks)
    head = HEAD.replace("\n\n", "\ndatabase: mariadb\n\n")
    (project.parent / "02-slug.patch").write_text(head + DIFF.format(value=42 - 1))
    patch = read_patch(project.parent / "02-slug.patch")
    assert (patch.database, run_unpatched(patch.tests, project=project)) == ("mariadb", "")
    assert "1 failed" in run_unpatched(patch.tests, patch.database, project)
    assert try_patch(patch, project).verdict is Verdict.KILLED


@pytest.mark.parametrize(
    ("selection", "expected"),
    [("2", True), ("02", True), ("3", False), ("slug", True), ("02-a-slug.patch", True), ("other", False)],
)
def test_selection_is_a_number_or_a_part_of_the_name(selection: str, expected: bool) -> None:
    assert Patch(Path("02-a-slug.patch"), "", (), ()).is_selected_by(selection) is expected


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project with one function and one test. Its runs of pytest load no plugins, to start quickly."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    project = tmp_path / "project"
    for name, text in {"django_cognito/__init__.py": CODE, "tests/test_answer.py": TESTS}.items():
        (project / name).parent.mkdir(parents=True)
        (project / name).write_text(text)
    (project / "pytest.ini").write_text("[pytest]\naddopts = -p no:django -p no:playwright\n")
    return project


def run(project: Path, *options: str, **patches: str) -> int:
    """Try patches, by the slug of their name, on the project; return the exit status."""
    directory = project.parent / "patches"
    directory.mkdir()
    for slug, text in patches.items():
        (directory / f"02-{slug}.patch").write_text(text)
    return main(options, directory=directory, project=project)


def test_runner_prints_the_verdict_of_each_patch(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patches = {
        "noticed": HEAD + DIFF.format(value=41),
        "unnoticed": HEAD + DIFF.format(value="40 + 2"),
        "outdated": HEAD + DIFF.replace("return 42", "return 7"),
        "unreadable": HEAD + DIFF.format(value="("),
        "unnamed": HEAD + DIFF.format(value="answers"),
        "untested": HEAD.replace("::test_", "::no_") + DIFF.format(value=41),
    }
    assert run(project, "--jobs", "3", **patches) == 1
    printed = capsys.readouterr().out
    verdicts = {slug: verdict.strip() for verdict, slug in re.findall(r"^(\S.*) 02-(\w+) \(", printed, re.MULTILINE)}
    assert verdicts == {
        "noticed": "killed",
        "unnoticed": "SURVIVED",
        "outdated": "does not apply",
        "unreadable": "tests do not run",
        "unnamed": "tests do not run",
        "untested": "tests do not run",
    }
    assert printed.splitlines()[-1] == "1 killed, 1 SURVIVED, 1 does not apply, 3 tests do not run"


def test_runner_succeeds_if_all_selected_are_killed(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    patches = {"noticed": HEAD + DIFF.format(value=41), "unreadable": HEAD + DIFF.format(value="(")}
    assert run(project, "noticed", **patches) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "1 killed"


def test_test_that_fails_without_the_patch_kills_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (project / "tests" / "test_answer.py").write_text(TESTS.replace("== 42", "== 43"))
    assert run(project, slug=HEAD + DIFF.format(value=41)) == 1
    assert "without the patch" in capsys.readouterr().out


def test_error_in_a_fixture_kills_nothing(project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fixture = "import pytest\n\n@pytest.fixture\ndef right():\n    assert answer() == 42\n\n"
    text = TESTS.replace("def test_answer():\n    assert answer() == 42", "def test_answer(right):\n    pass")
    (project / "tests" / "test_answer.py").write_text(fixture + text)
    assert run(project, slug=HEAD + DIFF.format(value=41)) == 1
    assert capsys.readouterr().out.startswith("tests do not run")


def test_unknown_selection_is_an_error(project: Path) -> None:
    assert run(project, "03", slug=HEAD + DIFF.format(value=41)) == 2
    assert main([], directory=project, project=project) == 2
