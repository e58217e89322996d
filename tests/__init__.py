"""The tests of django_cognito. They also use the helper modules of the tests of local_cognito."""

import sys
from pathlib import Path

# At the end: no module of that directory may hide another one. Subprocesses of tests import this package as well.
sys.path.append(str(Path(__file__).parents[1] / "packages" / "local-cognito" / "tests"))
