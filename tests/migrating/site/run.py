"""Migrate and serve the site: `python run.py PORT [MODULE]`, in which MODULE cannot be imported.

Each line of the standard input is a management command; its output is printed as JSON. The end of the input ends the
process.
"""

import json
import os
import sys
import threading
from io import StringIO
from wsgiref.simple_server import WSGIRequestHandler, make_server

os.environ["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
port, *blocked = sys.argv[1:]
for module in blocked:
    sys.modules[module] = None

from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402


class Handler(WSGIRequestHandler):
    """Writes no log."""

    def log_message(self, *args):
        """Write nothing."""


application = get_wsgi_application()
call_command("migrate", verbosity=0)
server = make_server("localhost", int(port), application, handler_class=Handler)
threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
print("ready", flush=True)
for line in sys.stdin:
    output = StringIO()
    call_command(*line.split(), stdout=output, stderr=output)
    print(json.dumps(output.getvalue()), flush=True)
