"""The settings of `first_requests`: a site with the user model USER_MODEL, such as "custom_users.EmailUser"."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import COGNITO as _COGNITO
from tests.settings import DATABASES as _DATABASES

AUTH_USER_MODEL = os.environ["USER_MODEL"]
_IS_DJANGOS = AUTH_USER_MODEL == "auth.User"
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    *([] if _IS_DJANGOS else ["tests.custom_users"]),
    "django_cognito",
]
ROOT_URLCONF = "tests.users.first_requests"
MIDDLEWARE = ["django_cognito.middleware.CognitoMiddleware"]
_DATABASE: dict[str, object] = _DATABASES["default"]
DATABASES = {"default": {**_DATABASE, "TEST": {**_DATABASE["TEST"], "MIGRATE": False}}}  # type: ignore[dict-item]
# A model without groups and flags gets permissions only.
_HAS_GROUPS = AUTH_USER_MODEL != "custom_users.EmailUser"
GROUPS = {
    "editors": {"permissions": ["auth.change_group"], **({"groups": ["Writers", "Readers"]} if _HAS_GROUPS else {})},
    "helpers": {"staff": True} if _HAS_GROUPS else {},
}
COGNITO = {**_COGNITO, "GROUPS": GROUPS}
