"""The settings of this directory with the admin: for models with flags and groups."""

from .settings import *  # noqa: F403
from .settings import INSTALLED_APPS as _APPS

INSTALLED_APPS = ["django.contrib.admin", "django.contrib.messages", "django.contrib.staticfiles", *_APPS]
