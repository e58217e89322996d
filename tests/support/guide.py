"""Read the code blocks of the guide."""

import re
from typing import Any

import pytest

from . import source

GUIDE = source.PROJECT_DIRECTORY / "docs"
PAGES = sorted(GUIDE.glob("*.md"))


def read_blocks(language: str) -> list[Any]:
    """Return the code blocks of all pages as pytest parameters; the ids are page and number."""
    return [
        pytest.param(block, id=f"{page.stem}-{number}")
        for page in PAGES
        for number, block in enumerate(re.findall(rf"^```{language}\n(.*?)^```", page.read_text(), re.M | re.S), 1)
    ]


def load_object(page: str, name: str) -> Any:
    """Execute the first Python block of a page that defines this function or class; return it."""
    definition = re.compile(rf"^(?:async )?(?:def|class) {name}\b", re.M)
    block = next(
        parameter.values[0]
        for parameter in read_blocks("python")
        if definition.search(parameter.values[0]) and parameter.id.rpartition("-")[0] == page
    )
    namespace: dict[str, Any] = {"__name__": page}
    exec(compile(block, page, "exec"), namespace)
    return namespace[name]
