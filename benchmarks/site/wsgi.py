"""For gunicorn: the site that the environment names."""

import os

from django.core.wsgi import get_wsgi_application

from ..tokens import Scene
from .start import start

start(Scene.read(os.environ["BENCHMARK_SCENE"]), os.environ["BENCHMARK_SITE"])
application = get_wsgi_application()
