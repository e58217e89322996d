"""Environments for the packages that the guides are about, created by uv from the package index."""

import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]


class Package(NamedTuple):
    """What is installed: the package, and the newest Django that it works with. `module` is what it imports as."""

    requirements: tuple[str, ...]
    django: str
    module: str
    extra: str = ""  # of this package, for the command of the guide


# The pages name these versions of Django.
PACKAGES = {
    "mozilla-django-oidc": Package(("mozilla-django-oidc==5.0.2",), "6.1", "mozilla_django_oidc", "aws"),
    "django-cognito-jwt": Package(("django-cognito-jwt==0.0.4",), "6.1", "django_cognito_jwt", "drf"),
    "django-allauth": Package(("django-allauth[socialaccount]==65.22.1",), "6.1", "allauth"),
    "django-auth-adfs": Package(("django-auth-adfs==1.16.0",), "6.1", "django_auth_adfs"),
    "djangorestframework-simplejwt": Package(
        ("djangorestframework-simplejwt[crypto]==5.5.1",), "6.1", "rest_framework_simplejwt", "drf"
    ),
}


def create_environment(package: Package, folder: Path) -> Path:
    """Create an environment in `folder`, which is emptied; return its Python. This package is a link to the checkout.

    Django 6 needs Python 3.12. Without one, the environment has the newest Django for Python 3.11.
    """
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or "uv"
    names = (f"python3.{minor}" for minor in (14, 13, 12))
    interpreter = next((path for name in names if (path := shutil.which(name)) and _runs(path)), sys.executable)
    version = package.django if interpreter != sys.executable or sys.version_info >= (3, 12) else "5.2"
    options = ["--quiet", "--clear", "--no-python-downloads", "--no-project"]
    subprocess.run([uv, "venv", *options, "--python", interpreter, folder], check=True)
    python = folder / "bin" / "python"
    declared = tomllib.loads((PROJECT / "pyproject.toml").read_text())["project"]
    own = [*declared["dependencies"], *declared["optional-dependencies"].get(package.extra, ())]
    requirements = [*package.requirements, f"django~={version}.0", *own]
    subprocess.run([uv, "pip", "install", "--quiet", "--python", python, *requirements], check=True, cwd=folder)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    (site_packages / "django_cognito").symlink_to(PROJECT / "django_cognito")
    return python


def _runs(interpreter: str) -> bool:
    """Return whether the interpreter starts: a shim of pyenv may name a version that is not selected."""
    return subprocess.run([interpreter, "-c", ""], capture_output=True).returncode == 0
