"""A tox plugin that installs the checkout's local-cognito again in each run."""

from pathlib import Path
from typing import Any

from tox.execute.request import StdinSource
from tox.plugin import impl

LOCAL_COGNITO = Path(__file__).parent / "packages" / "local-cognito"


@impl
def tox_on_install(tox_env: Any, arguments: Any, section: str, of_type: str) -> None:
    """Install local-cognito before the package. `deps` has installed it once, with its dependencies.

    tox installs the entries of `deps` again only if their text changes, so the tests would use old code.
    """
    if of_type != "package" or section != "RunToxEnv":
        return
    options = ["--force-reinstall", "--no-deps", str(LOCAL_COGNITO)]
    result = tox_env.execute(
        cmd=tox_env.installer.build_install_cmd(options), stdin=StdinSource.OFF, run_id="install_local_cognito"
    )
    result.assert_success()
