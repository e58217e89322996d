"""Settings of the tests with another user model: `USER_MODEL=EmailUser pytest --ds=tests.custom_users.settings`."""

import os

from tests.settings import *  # noqa: F403
from tests.settings import COGNITO as _COGNITO
from tests.settings import DATABASES

AUTH_USER_MODEL = f"custom_users.{os.environ['USER_MODEL']}"
# The admin is for models with flags and groups.
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "tests.custom_users",
    "django_cognito",
]
ROOT_URLCONF = "django_cognito.urls"
SILENCED_SYSTEM_CHECKS = ["auth.W004"]
ATTRIBUTES = {
    "EmailUser": {"email": "email", "address": "address", "age": "custom:age", "desk.room": "custom:room"},
    "UniqueEmailUser": {
        "email": "email",
        "first_name": "given_name",
        "profile.department": "custom:department",
        "profile.badge": "custom:badge",
        "profile.phone": "phone_number",
    },
    "NamelessUser": {"nickname": "nickname"},
    "MemberUser": {"profile.department": "custom:department"},
    "TenantUser": {"email": "email"},
}
COGNITO = {**_COGNITO, "ATTRIBUTES": ATTRIBUTES[os.environ["USER_MODEL"]]}
if os.environ["USER_MODEL"] == "TenantUser":
    COGNITO["USER_ADAPTER"] = "tests.custom_users.adapters.TenantAdapter"
# A second database for routers. Its engine differs from the first one if that is PostgreSQL.
DATABASES["elsewhere"] = {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}
