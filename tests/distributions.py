"""Looks into what would be published: `python tests/distributions.py DIRECTORY`, which holds one wheel and one sdist.

The wheel has all of the package's files, as they are in the checkout, and nothing else; the sdist has what builds it
and what tests it.
"""

import hashlib
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[1]
PACKAGE = "django_cognito"
# Told by name: were they gone from the checkout as well, comparing the two would say nothing.
IN_THE_WHEEL = (
    "django_cognito/py.typed",
    "/migrations/0001_initial.py",
    "/templates/django_cognito/page.html",
    "/static/django_cognito/login.css",
    "/default.yaml",
    "/hosted_ui/login.html",
    "/hosted_ui.css",
)
IN_THE_SDIST = ("pyproject.toml", "README.md", "LICENSE", "tox.ini", ".ci/run", "tests/conftest.py", "docs/index.md")


Files = Mapping[str, str]  # their names, and what is in them, as a digest


def complaints(wheel: Files, sdist: Files, package: Files) -> Iterator[str]:
    """What is wrong with the files in a wheel and in an sdist, given those of the package in the checkout."""
    inside = {name for name in wheel if ".dist-info/" not in name}
    yield from (f"the wheel lacks {name}" for name in sorted(package.keys() - inside))
    yield from (f"the wheel has no {end}" for end in IN_THE_WHEEL if not any(name.endswith(end) for name in inside))
    yield from (f"the wheel has {name}, which is not the package's" for name in sorted(inside - package.keys()))
    yield from (f"the sdist lacks {name}" for name in sorted({*package, *IN_THE_SDIST} - sdist.keys()))
    for kind, files in (("wheel", wheel), ("sdist", sdist)):
        others = sorted(name for name in package.keys() & files.keys() if files[name] != package[name])
        yield from (f"{name} of the {kind} is not the checkout's" for name in others)
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in wheel):
        yield "the wheel lacks its license"


def files_in_wheel(path: Path) -> Files:
    """The files in a wheel."""
    with zipfile.ZipFile(path) as archive:
        return {name: _digest(archive.read(name)) for name in archive.namelist() if not name.endswith("/")}


def files_in_sdist(path: Path) -> Files:
    """The files in an sdist, without the directory that they all lie in."""
    with tarfile.open(path) as archive:
        opened = ((member.name, archive.extractfile(member)) for member in archive.getmembers())
        return {name.partition("/")[2]: _digest(file.read()) for name, file in opened if file is not None}


def files_in_checkout(project: Path = PROJECT) -> Files:
    """The package's files, without what running it leaves behind."""
    files = (path for path in (project / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(project).as_posix(): _digest(path.read_bytes()) for path in files}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def main(directory: Path) -> int:
    """Say what is wrong; 0 if nothing is."""
    (wheel,), (sdist,) = directory.glob("*.whl"), directory.glob("*.tar.gz")
    found = list(complaints(files_in_wheel(wheel), files_in_sdist(sdist), files_in_checkout()))
    sys.stdout.writelines(f"{complaint}\n" for complaint in found)
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
