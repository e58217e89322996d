"""Find ports of this machine that are free."""

import socket


def free_port(wanted: int, *, but: frozenset[int] = frozenset()) -> int:
    """`wanted`, if it is free and not among `but`; else any port that is."""
    if wanted and wanted not in but and is_free(wanted):
        return wanted
    with _listening(0) as probe:
        return int(probe.getsockname()[1])


def is_free(port: int) -> bool:
    """Return whether this port is free on every address that browsers use for localhost."""
    try:
        _listening(port).close()
    except OSError:
        return False
    return not _answers("::1", port)


def _listening(port: int) -> socket.socket:
    # The servers started later reuse addresses in TIME_WAIT too: a demo can be restarted at once.
    return socket.create_server(("127.0.0.1", port), reuse_port=False)


def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.2).close()
    except OSError:
        return False
    return True
