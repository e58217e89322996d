"""Serve a test site by real gunicorn processes."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
STOP_SECONDS = 60


@contextmanager
def listening_socket() -> Iterator[socket.socket]:
    """Bind a free port of 127.0.0.1; connections wait in its queue until a server accepts them."""
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listening:
        # gunicorn sends headers and body separately; without this, the body waits for an acknowledgement.
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        yield listening


@contextmanager
def serve(
    settings_module: str, listening: socket.socket, variables: Mapping[str, str], *, workers: int = 2, threads: int = 4
) -> Iterator[None]:
    """Run `workers` processes of a site on the socket `listening`; stop them by the process id of their master."""
    arguments = [
        f"--workers={workers}",
        f"--threads={threads}",
        "--keep-alive=30",
        "--log-level=warning",
        f"--bind=fd://{listening.fileno()}",
        "django.core.wsgi:get_wsgi_application()",
    ]
    environment = {**os.environ, **variables, "DJANGO_SETTINGS_MODULE": settings_module, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.support.gunicorn_with_imports", *arguments],
        env=environment,
        cwd=ROOT,
        pass_fds=[listening.fileno()],
    )
    try:
        yield
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(STOP_SECONDS)
