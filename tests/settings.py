"""The settings of the test site: every entry point of the package, in the order of the documentation."""

import os
import tempfile
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from tests.support.timeouts import HTTP_TIMEOUT_SECONDS

from .support import real_parts

SECRET_KEY = "a key for tests alone, long enough for signing and for deriving keys from it"
DEBUG = False
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
USE_TZ = True
ROOT_URLCONF = "tests.urls"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # fast; the passwords of the tests are not secret
STATIC_URL = "/static/"  # absolute: a relative URL is cached with the script prefix of the first request
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
LOGIN_URL = "cognito:login"
LOGIN_REDIRECT_URL = "/"

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_cognito",
    "django_cognito.datasets",
    "tests.support",  # its command `flush`
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_cognito.middleware.CognitoMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
AUTHENTICATION_BACKENDS = ["django_cognito.backends.CognitoBackend", "django.contrib.auth.backends.ModelBackend"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["django_cognito.drf.CognitoAuthentication"],
    # drf_spectacular.views reads it when it is imported, by any of the tests.
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
}

# The pool does not exist, and the tests refuse connections to other hosts.
COGNITO = {
    "USER_POOL_ID": "eu-west-1_TestPool1",
    "CLIENT_ID": "1testclient23456789",
    "DOMAIN": "login.example.com",
    "HTTP_TIMEOUT_SECONDS": HTTP_TIMEOUT_SECONDS,
}


def _database() -> dict[str, object]:
    """Return the database of DJANGO_COGNITO_TEST_DATABASE; by default PostgreSQL if it runs, else SQLite."""
    choice = os.environ.get("DJANGO_COGNITO_TEST_DATABASE")
    if choice is None:
        choice = "sqlite" if real_parts.is_missing("postgresql") else "postgresql"
        if choice == "sqlite" and real_parts.under_ci():
            raise ImproperlyConfigured(f"CI=true, and no PostgreSQL answers at {real_parts.POSTGRESQL}")
    return {"postgresql": _postgresql, "mariadb": _mariadb, "sqlite": _sqlite}[choice]()


def _postgresql() -> dict[str, object]:
    # The process id separates concurrent test runs on one server.
    name = {"NAME": f"test_django_cognito_{os.getpid()}"}
    # Test data need not survive a crash of the server: commits do not wait for the disk.
    # A deadlock ends after 10 ms, not after one second.
    options = {"options": "-c synchronous_commit=off -c deadlock_timeout=10ms"}
    return {"ENGINE": "django.db.backends.postgresql", **real_parts.POSTGRESQL, "OPTIONS": options, "TEST": name}


def _mariadb() -> dict[str, object]:
    # The server's default collation, which folds case, accents and trailing spaces, as on most sites.
    import pymysql

    if pymysql.version_info < (2, 2, 7):  # the mysqlclient version that PyMySQL reports; Django 6.1 requires 2.2.1
        pymysql.version_info = (2, 2, 7, "final", 0)
    pymysql.install_as_MySQLdb()
    test = {"NAME": f"test_django_cognito_{os.getpid()}", "CHARSET": "utf8mb4"}
    # PyMySQL would read the certificates of the system for each connection.
    options = {"ssl_disabled": True}
    return {
        "ENGINE": "django.db.backends.mysql",
        "NAME": "test",
        **real_parts.MARIADB,
        "OPTIONS": options,
        "TEST": test,
    }


def _sqlite() -> dict[str, object]:
    # A file, not memory: live servers and threads share it, and lock it as on a real site.
    file = Path(tempfile.gettempdir()) / f"django-cognito-tests-{os.getpid()}.sqlite3"
    options = {"transaction_mode": "IMMEDIATE", "timeout": 20}
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": file, "OPTIONS": options, "TEST": {"NAME": file}}


DATABASES = {"default": _database()}
