"""Settings of the tests with the existing database of the dump: for `after_migrating.py` only."""

import os

from ..settings import *  # noqa: F403
from ..settings import DATABASES
from .make_dump import COGNITO as COGNITO

_NAME = os.environ["DJANGO_COGNITO_UPGRADE_DATABASE"]
DATABASES["default"]["TEST"] = {"NAME": _NAME}
if "sqlite" in str(DATABASES["default"]["ENGINE"]):
    DATABASES["default"]["NAME"] = _NAME
