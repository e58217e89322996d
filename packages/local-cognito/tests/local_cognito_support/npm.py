"""JavaScript clients from npm, which judge the local Cognito under Node. Tests that use them need "npm".

All are installed at once, once per run, into a temporary folder.
"""

import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

PACKAGES = ("amazon-cognito-identity-js@6.3", "openid-client@6.9")


def copy_beside_packages(script: Path) -> Path:
    """Copy an ES module into the folder of the packages, so that it can import them; return the copy's path."""
    return Path(shutil.copy(script, _install_packages()))


@cache
def _install_packages() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="javascript-clients-"))
    options = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    subprocess.run(["npm", "install", *options, "--prefix", str(folder), *PACKAGES], check=True, timeout=600)
    return folder
