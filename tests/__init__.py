"""The tests of django_cognito. They also use the example project and the helpers of local_cognito's tests."""

import sys
from pathlib import Path

# At the end: no module of these directories may hide another one. Subprocesses of tests import this package as well.
_PROJECT = Path(__file__).parents[1]
sys.path += [str(_PROJECT / "packages" / "local-cognito" / "tests"), str(_PROJECT / "example_project")]
