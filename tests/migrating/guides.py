"""Read the files that a migration guide adds to a site."""

import re
from collections.abc import Iterator

from .environments import PROJECT

_FILE_BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", re.M | re.S)


def read_files(name: str, *sections: str) -> Iterator[tuple[str, str]]:
    """Yield path and text of each code block of the sections that names a file, in the order of the page."""
    page = (PROJECT / "docs" / f"migrating-{name}.md").read_text(encoding="utf-8")
    texts = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    for section in sections:
        yield from _FILE_BLOCK.findall(texts[section])
