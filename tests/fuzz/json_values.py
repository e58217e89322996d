"""Mutate JSON and keep it valid: change, move, duplicate and remove members. libFuzzer alone mostly breaks it."""

import json
import random
from collections.abc import Sequence
from typing import Any


def mutate(data: bytes, max_size: int, seed: int, values: Sequence[Any]) -> bytes:
    """Return `data` with one or more changes. Bytes are changed if it is not JSON, and sometimes if it is."""
    import atheris  # optional: the tests of this package do not need it

    rng = random.Random(seed)
    if rng.random() < 0.25:
        return bytes(atheris.Mutate(data, max_size))
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return bytes(atheris.Mutate(data, max_size))
    for _ in range(rng.choice((1, 1, 2, 4))):
        document = _change(document, rng, values)
    separators = rng.choice(((",", ":"), (",", ":"), (", ", ": ")))
    text = json.dumps(document, separators=separators, ensure_ascii=rng.random() < 0.2)
    return text.encode(errors="surrogatepass")[:max_size]


def _change(value: Any, rng: random.Random, values: Sequence[Any]) -> Any:
    if isinstance(value, dict) and value and rng.random() < 0.95:
        return _change_member(value, rng, values)
    if isinstance(value, list) and value and rng.random() < 0.8:
        index = rng.randrange(len(value))
        replacement = rng.choice(([], [value[index]] * 2, [_change(value[index], rng, values)]))
        return [*value[:index], *replacement, *value[index + 1 :]]
    if isinstance(value, str) and rng.random() < 0.4:
        index = rng.randrange(len(value) + 1)
        return value[:index] + rng.choice(("", "A", "=", "\0", "\ud800", "\u00e9", value)) + value[index + 1 :]
    if isinstance(value, int | float) and rng.random() < 0.6:
        return rng.choice((value + rng.randint(-70, 70), float(value), -value, value + 0.5, str(value)))
    return rng.choice(values)


def _change_member(value: dict[str, Any], rng: random.Random, values: Sequence[Any]) -> dict[str, Any]:
    name = rng.choice(list(value))
    choice = rng.random()
    if choice < 0.15:
        return {other: member for other, member in value.items() if other != name}
    if choice < 0.3:
        names = [text for text in values if isinstance(text, str)]
        return {**value, rng.choice(names): rng.choice(values)}
    return {**value, name: _change(value[name], rng, values)}
