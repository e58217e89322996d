"""The application for uvicorn: the site in BENCHMARK_SITE."""

import os

from django.core.asgi import get_asgi_application

from ..tokens import Scenario
from .start import start

os.environ["BENCHMARK_ASGI"] = "yes"
start(Scenario.read(os.environ["BENCHMARK_SCENARIO"]), os.environ["BENCHMARK_SITE"])
application = get_asgi_application()
