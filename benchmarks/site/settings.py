"""The site's settings: what `startproject` writes, for the site and the scene that the environment names."""

import json
import os
from pathlib import Path

from tests.support.real_parts import POSTGRESQL

from ..tokens import Scene
from .sites import site_of

_SCENE = Scene.read(os.environ["BENCHMARK_SCENE"])
_PLACE: dict[str, str] = json.loads((Path(_SCENE.folder) / "place.json").read_text())
_SITE = site_of(os.environ["BENCHMARK_SITE"], _SCENE, _PLACE["origin"])

SECRET_KEY = "a key for measurements alone, which keeps nothing secret"
ALLOWED_HOSTS = ["testserver", "127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "benchmarks.site.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "rest_framework",
    "rest_framework.authtoken",
    *(app for app in _SITE.apps if app != "rest_framework.authtoken"),
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    *_SITE.middleware,
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = ["django.contrib.auth.backends.ModelBackend"]
if "django_cognito" in _SITE.apps:
    AUTHENTICATION_BACKENDS.insert(0, "django_cognito.backends.CognitoBackend")
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [_SITE.authentication] if _SITE.authentication else [],
    "DEFAULT_PERMISSION_CLASSES": [
        f"rest_framework.permissions.{'IsAuthenticated' if _SITE.authentication else 'AllowAny'}"
    ],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
}
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **POSTGRESQL,
        "NAME": _PLACE["database"],
        # As every site that cares for speed; under ASGI, where threads come and go, that is a pool.
        **({"OPTIONS": {"pool": {"max_size": 4}}} if "BENCHMARK_ASGI" in os.environ else {"CONN_MAX_AGE": None}),
    }
}
_QUIET = {"handlers": ["nowhere"], "propagate": False}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"nowhere": {"class": "logging.NullHandler"}},
    "loggers": {"django.request": _QUIET, "django_cognito": _QUIET},
}

globals().update(_SITE.settings)
