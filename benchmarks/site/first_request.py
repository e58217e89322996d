"""The start of a site: `python -m benchmarks.site.first_request` makes one API request and prints what it cost."""

import io
import json
import os
import time
from pathlib import Path
from typing import Any

from ..tokens import Scenario


def _read_memory() -> float:
    """Return the resident memory of this process in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def main() -> None:
    """Set the site up and request its API view with a new token."""
    scenario = Scenario.read(os.environ["BENCHMARK_SCENARIO"])
    os.environ["DJANGO_SETTINGS_MODULE"] = "benchmarks.site.settings"
    import django

    memory, started = _read_memory(), time.perf_counter()
    django.setup()
    setup = {"milliseconds": (time.perf_counter() - started) * 1_000, "mebibytes": _read_memory() - memory}

    from django.core.wsgi import get_wsgi_application

    environ = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/hello/",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "HTTP_AUTHORIZATION": f"Bearer {scenario.first}",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(),
    }
    response: Any = get_wsgi_application()(environ, lambda *_: None)
    assert response.status_code == 200, response.content
    print(json.dumps(setup))


if __name__ == "__main__":
    main()
