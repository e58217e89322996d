"""The application for gunicorn: the site in BENCHMARK_SITE."""

import os

from django.core.wsgi import get_wsgi_application

from ..tokens import Scenario
from .start import start

start(Scenario.read(os.environ["BENCHMARK_SCENARIO"]), os.environ["BENCHMARK_SITE"])
application = get_wsgi_application()
