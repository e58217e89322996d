"""Install each wheel into an empty environment and use it: `python tests/clean_install.py DIRECTORY` (of the wheels).

django-aws-cognito must work without local-cognito, and local-cognito without Django.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from uv import find_uv_bin

# For each wheel, a script that must run in an environment with that wheel only.
SCRIPTS = {
    "django_aws_cognito": """
import importlib.util
from django_cognito.core import TokenVerifier, UserPool
TokenVerifier(UserPool("eu-west-1_AbCdEfGhI", client_ids=("1example23456789",)))
assert importlib.util.find_spec("local_cognito") is None
""",
    "local_cognito": """
import importlib.util, subprocess, sys
from pathlib import Path
from local_cognito import Emulator
with Emulator() as emulator:
    assert emulator.jwks_uri("eu-west-1_LocalPool").startswith(emulator.url)
assert importlib.util.find_spec("django") is None
command = Path(sys.executable).with_name("local-cognito")
assert "--seed" in subprocess.run([command, "--help"], check=True, capture_output=True, text=True).stdout
""",
}


def main(directory: Path) -> int:
    """Install and try each wheel of the directory; return 0. Raises CalledProcessError if one cannot be used."""
    uv = find_uv_bin()
    for name, script in SCRIPTS.items():
        (wheel,) = directory.glob(f"{name}-*.whl")
        with tempfile.TemporaryDirectory(prefix="clean-install-") as folder:
            python = Path(folder) / ".venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
            # In the folder, and isolated, so that no module of the checkout can be imported.
            subprocess.run([uv, "venv", "-q", "--python", sys.executable], check=True, cwd=folder)
            subprocess.run([uv, "pip", "install", "-q", "--python", python, wheel], check=True, cwd=folder)
            subprocess.run([python, "-I", "-W", "error", "-c", script], check=True, cwd=folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).resolve()))
