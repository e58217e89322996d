"""The settings of the processes that synchronize a pool: the database and the directory of the test."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import COGNITO as _COGNITO
from tests.settings import DATABASES as _DATABASES

DATABASES = {"default": {**_DATABASES["default"], "NAME": os.environ["SYNC_SITE_DATABASE"]}}
COGNITO = {**_COGNITO, **json.loads(os.environ["SYNC_SITE_COGNITO"])}
