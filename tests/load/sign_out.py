"""Measure sign-outs at a bearer client of other processes, for `test_sign_out.py`."""

import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests

_POLL_SECONDS = 0.1
_TIMEOUT_SECONDS = 300
# The client opens a new connection for each request: any process of the site may answer.
_NEW_CONNECTION = {"Connection": "close"}


def get_answer(url: str, raw: str) -> tuple[int, Mapping[str, Any]]:
    """Send a bearer token to the site; return the status and the members of the answer."""
    headers = {"Authorization": f"Bearer {raw}", **_NEW_CONNECTION}
    response = requests.get(f"{url}/who/", headers=headers, timeout=_TIMEOUT_SECONDS)
    return response.status_code, response.json()


def accept_in_all_processes(url: str, raw: str, processes: int) -> None:
    """Send the token until every process has accepted, and thus cached, it."""
    seen: set[int] = set()
    while len(seen) < processes:
        status, answer = get_answer(url, raw)
        assert status == 200, answer
        seen.add(answer["process"])


def measure_rejections(url: str, sign_outs: Mapping[str, Callable[[], object]], seconds: float) -> list[float]:
    """Sign out each token's user; return after how many seconds each token was accepted for the last time.

    The requests of all tokens run in parallel until `seconds` after the last sign-out.
    """
    moments = dict.fromkeys(sign_outs, 0.0)
    last_accepted = dict.fromkeys(sign_outs, 0.0)
    ends_at = float("inf")

    def poll(raw: str) -> None:
        while time.monotonic() < ends_at:
            sent_at = time.monotonic()
            status, answer = get_answer(url, raw)
            if status == 200:
                last_accepted[raw] = sent_at
            else:
                assert (status, answer["code"]) == (401, "token_revoked")
            time.sleep(_POLL_SECONDS)

    with ThreadPoolExecutor(len(sign_outs)) as pool:
        polls = [pool.submit(poll, raw) for raw in sign_outs]
        try:
            for raw, sign_out in sign_outs.items():
                sign_out()
                moments[raw] = time.monotonic()
        finally:
            ends_at = time.monotonic() + seconds
        for future in polls:
            future.result()
    return [max(last_accepted[raw] - moments[raw], 0.0) for raw in sign_outs]
