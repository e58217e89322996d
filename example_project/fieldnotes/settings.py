"""Fieldnotes' settings. Everything that differs from place to place comes from the environment."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def flag(name: str, default: bool) -> bool:
    """An environment variable as yes or no."""
    return os.environ.get(name, str(int(default))).lower() in ("1", "true", "yes", "on")


def words(name: str) -> list[str]:
    """An environment variable as a list; commas stand between the items."""
    return [word for word in os.environ.get(name, "").replace(" ", "").split(",") if word]


DEBUG = flag("DJANGO_DEBUG", default=False)
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or ("for-development-only" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set DJANGO_SECRET_KEY, or DJANGO_DEBUG=1 on a development machine.")
# Sessions and refresh tokens of before a change of key stay readable while the old key is listed here.
SECRET_KEY_FALLBACKS = words("DJANGO_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = words("DJANGO_ALLOWED_HOSTS") or ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "fieldnotes.apps.FieldnotesAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_cognito",
    "notes",
    "files",
    "demo",  # the `demo` command; a site of your own does without
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
ROOT_URLCONF = "fieldnotes.urls"
WSGI_APPLICATION = "fieldnotes.wsgi.application"
ASGI_APPLICATION = "fieldnotes.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
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

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("FIELDNOTES_DATABASE", BASE_DIR / "fieldnotes.sqlite3"),
        "OPTIONS": {
            # Parallel writers wait for each other instead of failing with "database is locked".
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
            "timeout": 20,  # seconds
        },
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Who people are, and what they may do

AUTHENTICATION_BACKENDS = [
    "django_cognito.backends.CognitoBackend",
    "django.contrib.auth.backends.ModelBackend",
]
LOGIN_URL = "cognito:login"
LOGIN_REDIRECT_URL = "/notes/"
LOGOUT_REDIRECT_URL = "/"

SITE = next((host for host in words("DJANGO_ALLOWED_HOSTS") if host[0] not in ".*"), "")  # the first that is whole
READ = ["notes.view_note"]
WRITE = [*READ, "notes.add_note", "notes.change_note"]
COGNITO = {
    "USER_POOL_ID": os.environ.get("COGNITO_USER_POOL_ID", ""),
    "CLIENT_ID": os.environ.get("COGNITO_CLIENT_ID", ""),
    "CLIENT_SECRET": os.environ.get("COGNITO_CLIENT_SECRET", ""),
    "DOMAIN": os.environ.get("COGNITO_DOMAIN", ""),
    "LOGOUT_URI": f"https://{SITE}/" if SITE and not DEBUG else "",  # one of the app client's sign-out URLs
    # Derived from the pool's id on AWS; a local Cognito has addresses of its own.
    "ISSUER": os.environ.get("COGNITO_ISSUER", ""),
    "JWKS_URI": os.environ.get("COGNITO_JWKS_URI", ""),
    "ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL", ""),  # boto3 reads it as well, for S3
    "IDENTITY_POOL_ID": os.environ.get("COGNITO_IDENTITY_POOL_ID", ""),  # without it no files are kept
    "GROUPS": {
        "viewers": {"permissions": READ},
        "editors": {"permissions": WRITE},
        "admins": {"permissions": [*WRITE, "notes.delete_note", "auth.view_user", "auth.view_group"], "staff": True},
    },
    # Buttons on the home page, for providers that the pool federates with: "Google,AcmeSAML", say.
    "IDENTITY_PROVIDERS": words("COGNITO_IDENTITY_PROVIDERS"),
    # For programs (client_credentials). The scope is of the pool's resource server "fieldnotes".
    "SCOPES_TO_PERMISSIONS": {"fieldnotes/read": READ},
}
if client_ids := words("COGNITO_CLIENT_IDS"):
    # The API may take tokens of more clients than the one that signs people in here: a phone app's, say.
    COGNITO["CLIENT_IDS"] = client_ids

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "django_cognito.drf.CognitoAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["notes.permissions.ModelPermissions"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "PAGE_SIZE": 20,
}

# My files: in S3, each person's under a prefix of their own

FIELDNOTES_BUCKET = os.environ.get("FIELDNOTES_BUCKET", "")
FILE_UPLOAD_HANDLERS = [
    "files.limits.StopAtLimit",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Cookies and transport. DJANGO_HTTPS=0 is for a laptop.

HTTPS = flag("DJANGO_HTTPS", default=not DEBUG)
SESSION_COOKIE_NAME = "fieldnotes_session"  # cookies ignore ports: names of our own keep neighbours on localhost apart
CSRF_COOKIE_NAME = "fieldnotes_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# "Strict" would lose a sign-in on its way back: that request comes from Cognito's site.
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_AGE = 7 * 24 * 3600  # seconds
SECURE_SSL_REDIRECT = HTTPS
SECURE_HSTS_SECONDS = 30 * 24 * 3600 if HTTPS else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en-gb"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
STATICFILES_DIRS = [BASE_DIR / "static"]
