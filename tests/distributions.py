"""Check the distributions: `python tests/distributions.py DIRECTORY`, with a wheel and an sdist of each package.

A wheel has exactly its package's files, as they are in the checkout; an sdist also has the files to build and test it.
"""

import hashlib
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Distribution:
    """One distribution of this repository: its folder, its package, and files that it must contain.

    The files are stated here: if they were missing from the checkout too, a comparison would not notice.
    """

    name: str
    folder: str
    package: str
    in_wheel: tuple[str, ...]
    in_sdist: tuple[str, ...]

    @property
    def file_name(self) -> str:
        """Return the start of the names of its files."""
        return self.name.replace("-", "_")


DJANGO = Distribution(
    "django-aws-cognito",
    ".",
    "django_cognito",
    in_wheel=(
        "django_cognito/py.typed",
        "/migrations/0001_initial.py",
        "/templates/django_cognito/page.html",
        "/static/django_cognito/login.css",
        "/static/django_cognito/resubmission.js",
        "/datasets/static/django_cognito/datasets.js",
        "/locale/de/LC_MESSAGES/django.po",
        "/locale/de/LC_MESSAGES/django.mo",
    ),
    in_sdist=(
        "pyproject.toml", "README.md", "LICENSE", "tox.ini", "toxfile.py", ".ci/run", "tests/conftest.py",
        "docs/index.md", "packages/local-cognito/pyproject.toml", "packages/local-cognito/local_cognito/py.typed",
        "packages/local-cognito/tests/conftest.py",
    ),
)  # fmt: skip
LOCAL_COGNITO = Distribution(
    "local-cognito",
    "packages/local-cognito",
    "local_cognito",
    in_wheel=(
        "local_cognito/py.typed",
        "/default.yaml",
        "/hosted_ui/login.html",
        "/hosted_ui.css",
        ".dist-info/entry_points.txt",
    ),
    in_sdist=("pyproject.toml", "README.md", "LICENSE", "tests/conftest.py"),
)
DISTRIBUTIONS = (DJANGO, LOCAL_COGNITO)


Files = Mapping[str, str]  # name -> digest of the content


def find_problems(distribution: Distribution, wheel: Files, sdist: Files, package: Files) -> Iterator[str]:
    """Yield the differences between a wheel, an sdist and the files of the package in the checkout."""
    inside = {name for name in wheel if ".dist-info/" not in name}
    yield from (f"the wheel lacks {name}" for name in sorted(package.keys() - inside))
    yield from (
        f"the wheel has no {end}" for end in distribution.in_wheel if not any(name.endswith(end) for name in wheel)
    )
    yield from (f"the wheel has {name}, which is not the package's" for name in sorted(inside - package.keys()))
    yield from (f"the sdist lacks {name}" for name in sorted({*package, *distribution.in_sdist} - sdist.keys()))
    for kind, files in (("wheel", wheel), ("sdist", sdist)):
        others = sorted(name for name in package.keys() & files.keys() if files[name] != package[name])
        yield from (f"{name} of the {kind} is not the checkout's" for name in others)
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel):
        yield "the wheel lacks its license"


def files_in_wheel(path: Path) -> Files:
    """Return the files in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: _digest(archive.read(name)) for name in archive.namelist() if not name.endswith("/")}


def files_in_sdist(path: Path) -> Files:
    """Return the files in an sdist, without the name of its top directory."""
    with tarfile.open(path) as archive:
        opened = ((member.name, archive.extractfile(member)) for member in archive.getmembers())
        return {name.partition("/")[2]: _digest(file.read()) for name, file in opened if file is not None}


def files_in_checkout(distribution: Distribution, project: Path = PROJECT) -> Files:
    """Return the package's files, without bytecode."""
    folder = project / distribution.folder
    files = (
        path
        for path in (folder / distribution.package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    )
    return {path.relative_to(folder).as_posix(): _digest(path.read_bytes()) for path in files}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(directory: Path) -> int:
    """Print the problems; return 0 if there are none."""
    problems = []
    for distribution in DISTRIBUTIONS:
        (wheel,) = directory.glob(f"{distribution.file_name}-*.whl")
        (sdist,) = directory.glob(f"{distribution.file_name}-*.tar.gz")
        files = files_in_wheel(wheel), files_in_sdist(sdist), files_in_checkout(distribution)
        problems += [f"{distribution.name}: {problem}" for problem in find_problems(distribution, *files)]
    sys.stdout.writelines(f"{problem}\n" for problem in problems)
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
