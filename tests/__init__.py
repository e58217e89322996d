"""The tests of django_cognito. They also use the helper modules of the tests of local_cognito."""

import sys
from pathlib import Path

# At the end: no module of that folder may hide another one. Processes that tests start import this package as well.
sys.path.append(str(Path(__file__).parents[1] / "packages" / "local-cognito" / "tests"))
