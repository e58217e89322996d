"""Mutates JSON as JSON, where libFuzzer alone would mostly break it: members change, move, double and go."""

import json
import random
from collections.abc import Sequence
from typing import Any


def mutated(data: bytes, max_size: int, seed: int, values: Sequence[Any]) -> bytes:
    """`data` with a change or a few; of bytes where they are no JSON, and now and then where they are."""
    import atheris  # the rest of this package can be tried without it

    chance = random.Random(seed)
    if chance.random() < 0.25:
        return bytes(atheris.Mutate(data, max_size))
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return bytes(atheris.Mutate(data, max_size))
    for _ in range(chance.choice((1, 1, 2, 4))):
        document = _changed(document, chance, values)
    separators = chance.choice(((",", ":"), (",", ":"), (", ", ": ")))
    text = json.dumps(document, separators=separators, ensure_ascii=chance.random() < 0.2)
    return text.encode(errors="surrogatepass")[:max_size]


def _changed(value: Any, chance: random.Random, values: Sequence[Any]) -> Any:
    if isinstance(value, dict) and value and chance.random() < 0.95:
        return _with_a_changed_member(value, chance, values)
    if isinstance(value, list) and value and chance.random() < 0.8:
        at = chance.randrange(len(value))
        instead = chance.choice(([], [value[at]] * 2, [_changed(value[at], chance, values)]))
        return [*value[:at], *instead, *value[at + 1 :]]
    if isinstance(value, str) and chance.random() < 0.4:
        at = chance.randrange(len(value) + 1)
        return value[:at] + chance.choice(("", "A", "=", "\0", "\ud800", "\u00e9", value)) + value[at + 1 :]
    if isinstance(value, int | float) and chance.random() < 0.6:
        return chance.choice((value + chance.randint(-70, 70), float(value), -value, value + 0.5, str(value)))
    return chance.choice(values)


def _with_a_changed_member(value: dict[str, Any], chance: random.Random, values: Sequence[Any]) -> dict[str, Any]:
    name = chance.choice(list(value))
    what = chance.random()
    if what < 0.15:
        return {other: member for other, member in value.items() if other != name}
    if what < 0.3:
        names = [text for text in values if isinstance(text, str)]
        return {**value, chance.choice(names): chance.choice(values)}
    return {**value, name: _changed(value[name], chance, values)}
