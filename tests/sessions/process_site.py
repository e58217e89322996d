"""The settings of the site of `test_two_processes`: sessions in Redis, tokens in PostgreSQL."""

import json
import os

from tests.settings import *  # noqa: F403
from tests.settings import DATABASES as _DATABASES
from tests.support.real_parts import REDIS_URL

ROOT_URLCONF = "tests.sessions.process_urls"
ALLOWED_HOSTS = ["127.0.0.1"]
DATABASES = {"default": {**_DATABASES["default"], "NAME": os.environ["PROCESS_SITE_DATABASE"], "CONN_MAX_AGE": None}}
CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": os.environ["PROCESS_SITE_DATABASE"],
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.cache"
SESSION_COOKIE_AGE = 3_600  # seconds; then Redis deletes the sessions of the tests
# All requests may wait for a refresh, also if the computer takes a second for it; `process_urls` sets how long.
COGNITO = {**json.loads(os.environ["PROCESS_SITE_COGNITO"]), "MAX_REFRESHES": 100}
