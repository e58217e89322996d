"""The Python code blocks of the guide's pages."""

import re
from typing import Any

from . import source


def python_blocks(page: str) -> list[str]:
    """Return the Python code blocks of a page of `docs`, in their order."""
    text = source.path_of(f"docs/{page}.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def function_of_page(page: str, name: str) -> Any:
    """Return the function or class `name` of a code block of a page, after the block was executed."""
    pattern = re.compile(rf"^(?:async )?(?:def|class) {name}\b", re.M)
    namespace: dict[str, Any] = {"__name__": f"docs.{page}"}
    block = next(block for block in python_blocks(page) if pattern.search(block))
    exec(compile(block, page, "exec"), namespace)
    return namespace[name]
