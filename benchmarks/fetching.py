"""A contestant that fetches its keys: `python -m benchmarks.fetching MODULE FOLDER ORIGIN unknown|cold`.

`unknown`: a good token, then a thousand with made-up key names. `cold`: sixteen threads at once, a good token each.
Says how many tokens were accepted and refused; who serves the keys counts the fetches.
"""

import base64
import importlib
import json
import sys
import uuid
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from .figures.fetches import COLD, UNKNOWN
from .slices import Call, raised
from .tokens import Scene


def made_up_kid(raw: str) -> str:
    """`raw`, as if another key had signed it."""
    header = json.dumps({"kid": uuid.uuid4().hex, "alg": "RS256"}, separators=(",", ":")).encode()
    return f"{base64.urlsafe_b64encode(header).rstrip(b'=').decode()}.{raw.partition('.')[2]}"


def cold(verify: Call, tokens: list[str]) -> list[Exception | None]:
    """The verdicts of as many threads as tokens, all let go at the same moment."""
    gate = Barrier(len(tokens))

    def one(raw: str) -> Exception | None:
        gate.wait(10)
        return raised(verify, raw)

    with ThreadPoolExecutor(len(tokens)) as threads:
        return list(threads.map(one, tokens))


def main(name: str, folder: str, origin: str, mode: str) -> None:
    """Run it."""
    scene = Scene.read(folder)
    verify = importlib.import_module(name).prepare_fetching(scene, origin)
    if mode == "cold":
        verdicts = cold(verify, scene.tokens[:COLD])
    else:
        tokens = [scene.first, *(made_up_kid(scene.first) for _ in range(UNKNOWN))]
        verdicts = [raised(verify, raw) for raw in tokens]
    accepted = sum(error is None for error in verdicts)
    print(json.dumps({"accepted": accepted, "refused": len(verdicts) - accepted}))


if __name__ == "__main__":
    main(*sys.argv[1:])
