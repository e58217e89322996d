"""For uvicorn: the site that the environment names."""

import os

from django.core.asgi import get_asgi_application

from ..tokens import Scene
from .start import start

os.environ["BENCHMARK_ASGI"] = "yes"
start(Scene.read(os.environ["BENCHMARK_SCENE"]), os.environ["BENCHMARK_SITE"])
application = get_asgi_application()
