"""The settings of the site of `tests.load.sign_out`: the processes that accept bearer tokens."""

import os

from tests.sessions.process_site import *  # noqa: F403
from tests.sessions.process_site import CACHES as _CACHES

CACHES = {"default": {**_CACHES["default"], "LOCATION": os.environ["LOAD_REDIS_URL"]}}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
