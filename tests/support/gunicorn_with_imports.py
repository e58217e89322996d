"""gunicorn with the modules that every Django site imports: its workers inherit them and only import the site.

It imports nothing of `django_cognito`: no state of the package is shared between the workers.
"""

import django.contrib.admin.sites
import django.core.wsgi
import django.db.migrations
import django.views.generic  # noqa: F401
import gunicorn.workers.gthread  # noqa: F401
import psycopg  # noqa: F401
from cryptography.hazmat.primitives.asymmetric import rsa  # noqa: F401
from gunicorn.app.wsgiapp import run

if __name__ == "__main__":
    run()
