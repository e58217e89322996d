"""The settings of Fieldnotes. Values that depend on the deployment come from environment variables."""

import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env_bool(name: str, default: bool) -> bool:
    """Return an environment variable as a boolean."""
    return os.environ.get(name, str(int(default))).lower() in ("1", "true", "yes", "on")


def env_list(name: str) -> list[str]:
    """Return an environment variable with comma-separated items as a list."""
    return [item for item in os.environ.get(name, "").replace(" ", "").split(",") if item]


DEBUG = env_bool("DJANGO_DEBUG", default=False)
SECRET_KEY = os.environ.get("DJANGO_SECRET_KEY") or ("for-development-only" if DEBUG else "")
if not SECRET_KEY:
    raise ImproperlyConfigured("Set DJANGO_SECRET_KEY, or DJANGO_DEBUG=1 on a development machine.")
# After a change of SECRET_KEY, existing sessions and refresh tokens stay valid while the old key is listed here.
SECRET_KEY_FALLBACKS = env_list("DJANGO_SECRET_KEY_FALLBACKS")
ALLOWED_HOSTS = env_list("DJANGO_ALLOWED_HOSTS") or ["localhost", "127.0.0.1"]

INSTALLED_APPS = [
    "fieldnotes.apps.FieldnotesAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "django_cognito",
    "django_cognito.datasets",  # drafts and the reading position: static/drafts.js, static/reading.js
    "notes",
    "stations",
    "files",
    "pool_sync",
    "demo",  # the `demo` command; your own site does not need it
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

SQLITE = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": os.environ.get("FIELDNOTES_DATABASE", BASE_DIR / "fieldnotes.sqlite3"),
    "OPTIONS": {
        # Concurrent writers wait for each other instead of failing with "database is locked".
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        "timeout": 20,  # seconds
    },
}
POSTGRESQL = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": os.environ.get("FIELDNOTES_POSTGRESQL", ""),  # host and user: PGHOST, PGUSER, PGPASSWORD
    "CONN_MAX_AGE": 600,  # seconds; a prepared statement belongs to its connection
    "CONN_HEALTH_CHECKS": True,
    "OPTIONS": {
        # PostgreSQL parses and plans a statement that is repeated once, not in each request. Leave both out behind
        # a connection pooler that shares connections between transactions.
        "server_side_binding": True,
        "prepare_threshold": 5,  # prepared at the fifth use
    },
}
DATABASES = {"default": POSTGRESQL if POSTGRESQL["NAME"] else SQLITE}
# All processes of a deployed site share it: it has the sign-ins whose tokens were revoked.
REDIS = {
    "BACKEND": "django.core.cache.backends.redis.RedisCache",
    "LOCATION": os.environ.get("FIELDNOTES_REDIS", ""),
    "OPTIONS": {"socket_connect_timeout": 0.2, "socket_timeout": 0.2},
}
CACHES = {"default": REDIS if REDIS["LOCATION"] else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Authentication and permissions

AUTHENTICATION_BACKENDS = [
    "django_cognito.backends.CognitoBackend",
    "django.contrib.auth.backends.ModelBackend",
]
# The rules for local passwords, for example of a superuser. The admin shows them beside its password forms.
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "cognito:login"
LOGIN_REDIRECT_URL = "/notes/"
LOGOUT_REDIRECT_URL = "/"

SITE_HOST = next((host for host in env_list("DJANGO_ALLOWED_HOSTS") if host[0] not in ".*"), "")  # no wildcard
READ_PERMISSIONS = ["notes.view_note"]
WRITE_PERMISSIONS = [*READ_PERMISSIONS, "notes.add_note", "notes.change_note"]
ADMIN_PERMISSIONS = [
    "auth.view_user",
    "auth.view_group",
    "django_cognito.view_cognitouser",
    "django_cognito.view_cognitomembership",
    "django_cognito.view_cognitologin",
    "pool_sync.view_syncrun",
    "pool_sync.add_syncrun",
]
STATION_PERMISSIONS = ["stations.view_stationnote"]
COGNITO = {
    "USER_POOL_ID": os.environ.get("COGNITO_USER_POOL_ID", ""),
    "CLIENT_ID": os.environ.get("COGNITO_CLIENT_ID", ""),
    "CLIENT_SECRET": os.environ.get("COGNITO_CLIENT_SECRET", ""),
    "DOMAIN": os.environ.get("COGNITO_DOMAIN", ""),
    "LOGOUT_URI": f"https://{SITE_HOST}/" if SITE_HOST and not DEBUG else "",  # one of the app client's sign-out URLs
    # On AWS these are derived from USER_POOL_ID. A local Cognito has other URLs.
    "ISSUER": os.environ.get("COGNITO_ISSUER", ""),
    "JWKS_URI": os.environ.get("COGNITO_JWKS_URI", ""),
    "ENDPOINT_URL": os.environ.get("AWS_ENDPOINT_URL", ""),  # boto3 also reads this variable, for S3
    "HTTP_TIMEOUT_SECONDS": float(os.environ.get("COGNITO_HTTP_TIMEOUT_SECONDS", "3")),  # the default of the package
    "IDENTITY_POOL_ID": os.environ.get("COGNITO_IDENTITY_POOL_ID", ""),  # without it, file storage is off
    # The last one is for GetUser, by which the page that deletes a note checks the user. The app client must allow it.
    "SCOPES": ["openid", "email", "profile", "aws.cognito.signin.user.admin"],
    "GROUPS": {
        "viewers": {"permissions": READ_PERMISSIONS},
        "editors": {"permissions": WRITE_PERMISSIONS},
        "admins": {
            "permissions": [*WRITE_PERMISSIONS, "notes.delete_note", *ADMIN_PERMISSIONS],
            "staff": True,
        },
    },
    # Field stations are tenants. The group `station/heath/editors` grants its permissions on the pages of Heath only.
    "TENANT": {"group_prefix": "station/", "selector": "stations.selector.select_station"},
    "TENANT_GROUPS": {
        "viewers": {"permissions": STATION_PERMISSIONS},
        "editors": {
            "permissions": [*STATION_PERMISSIONS, "stations.add_stationnote", "stations.change_stationnote"],
        },
    },
    # LINK_BY_VERIFIED_EMAIL would link a new user of the pool to the local account with the same email address. It
    # searches UPPER(email) in the table of users; a migration of `notes` has the index for it (docs/deployment.md).
    # Identity providers of the user pool that get a button on the home page, for example "Google,AcmeSAML".
    "IDENTITY_PROVIDERS": env_list("COGNITO_IDENTITY_PROVIDERS"),
    # For machine-to-machine clients (client_credentials). "fieldnotes" is a resource server of the user pool.
    "SCOPES_TO_PERMISSIONS": {"fieldnotes/read": READ_PERMISSIONS},
}
if client_ids := env_list("COGNITO_CLIENT_IDS"):
    # The API also accepts tokens of these app clients, for example of a mobile app.
    COGNITO["CLIENT_IDS"] = client_ids

REST_FRAMEWORK = {
    "EXCEPTION_HANDLER": "django_cognito.drf.exception_handler",
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "django_cognito.drf.CognitoAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["notes.permissions.ModelPermissions"],
    "DEFAULT_PAGINATION_CLASS": "rest_framework.pagination.PageNumberPagination",
    "DEFAULT_RENDERER_CLASSES": [  # JSON for programs, pages for browsers
        "rest_framework.renderers.JSONRenderer",
        "rest_framework.renderers.BrowsableAPIRenderer",
    ],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "PAGE_SIZE": 20,
}

# Files in S3, with one prefix per user

FIELDNOTES_BUCKET = os.environ.get("FIELDNOTES_BUCKET", "")
FILE_UPLOAD_HANDLERS = [
    "files.limits.SizeLimitUploadHandler",
    "django.core.files.uploadhandler.MemoryFileUploadHandler",
    "django.core.files.uploadhandler.TemporaryFileUploadHandler",
]

# Requests per second of a synchronization with the user pool. All programs of the AWS account share a quota of 30.
FIELDNOTES_SYNC_RATE = float(os.environ.get("FIELDNOTES_SYNC_RATE", "10"))

# Cookies and HTTPS. Set DJANGO_HTTPS=0 on a development machine only.

HTTPS = env_bool("DJANGO_HTTPS", default=not DEBUG)
SESSION_COOKIE_NAME = "fieldnotes_session"  # unique: cookies of all sites on localhost are shared
CSRF_COOKIE_NAME = "fieldnotes_csrf"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# With "Strict", the browser would send no session cookie to the callback: that request comes from Cognito's site.
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
