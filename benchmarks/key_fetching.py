"""A contestant that fetches its keys: `python -m benchmarks.key_fetching MODULE FOLDER ORIGIN unknown|cold`.

`unknown`: a valid token, then a thousand with random values of `kid`. `cold`: sixteen threads at once, each with a
valid token and an empty cache. Prints how many tokens were accepted and rejected; the loopback server counts the
fetches.
"""

import base64
import importlib
import json
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from .figures.key_fetches import COLD, UNKNOWN
from .slices import Call, catch_error
from .tokens import Scenario


def replace_kid(raw: str) -> str:
    """Return `raw` with a random `kid` in its header."""
    header = json.dumps({"kid": uuid.uuid4().hex, "alg": "RS256"}, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{raw.partition('.')[2]}"


def verify_in_threads(verify: Call, tokens: list[str]) -> list[Exception | None]:
    """Verify each token in its own thread, all at the same time; return the error of each, or None."""
    barrier = Barrier(len(tokens))

    def verify_token(raw: str) -> Exception | None:
        barrier.wait(10)
        return catch_error(verify, raw)

    with ThreadPoolExecutor(len(tokens)) as threads:
        return list(threads.map(verify_token, tokens))


def main(name: str, folder: str, origin: str, mode: str) -> None:
    """Verify the tokens of the mode and print the counts as JSON."""
    scenario = Scenario.read(folder)
    verify = importlib.import_module(name).prepare_key_fetching(scenario, origin)
    if mode == "cold":
        errors = verify_in_threads(verify, scenario.tokens[:COLD])
    else:
        tokens = [scenario.first, *(replace_kid(scenario.first) for _ in range(UNKNOWN))]
        errors = [catch_error(verify, raw) for raw in tokens]
    accepted = sum(error is None for error in errors)
    print(json.dumps({"accepted": accepted, "rejected": len(errors) - accepted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
