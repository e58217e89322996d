"""Find free TCP ports on this machine."""

import random
import socket

# Below the ports of outgoing connections (32768 and higher on Linux, 49152 and higher elsewhere), so that no connection
# of another process takes a free port before the server listens on it.
SERVER_PORTS = range(20_000, 32_768)
# Not the functions of `random`: processes with the same seed, as those of a test run, would choose the same port.
_RANDOM = random.SystemRandom()


def find_free_port(preferred: int, *, excluded: frozenset[int] = frozenset()) -> int:
    """Return `preferred` if it is free and not in `excluded`, else another free port. 0 means any free port."""
    if preferred and preferred not in excluded and is_free(preferred):
        return preferred
    candidates = _RANDOM.sample(SERVER_PORTS, k=len(SERVER_PORTS))
    return next(port for port in candidates if port not in excluded and is_free(port))


def is_free(port: int) -> bool:
    """Return whether this port is free on both IP addresses that browsers use for localhost."""
    try:
        _listen(port).close()
    except OSError:
        return False
    return not _can_connect("::1", port)


def _listen(port: int) -> socket.socket:
    # Like the servers of the demo, this binds to a port in TIME_WAIT: the demo can be restarted immediately.
    return socket.create_server(("127.0.0.1", port), reuse_port=False)


def _can_connect(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True
