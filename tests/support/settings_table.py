"""The settings table of docs/reference.md, rendered from the declarations: `python -m tests.support.settings_table`."""

from django_cognito.conf.schema import DECLARATIONS

from . import source

REFERENCE = source.PROJECT_DIRECTORY / "docs" / "reference.md"
HEADER = "| key | default | meaning |\n|---|---|---|\n"


def render_table() -> str:
    """Return the table as Markdown: a row for each setting, in the order of the declarations."""
    rows = (f"| `{item.key}` | {item.default} | {item.documentation} |\n" for item in DECLARATIONS.values())
    return HEADER + "".join(rows)


def replace_table(page: str) -> str:
    """Return `page` with the table of settings replaced."""
    before, header, rest = page.partition(HEADER)
    if not header:
        raise ValueError(f"the page has no table that begins with {HEADER!r}")
    return f"{before}{render_table()}\n{rest.partition(chr(10) * 2)[2]}"


if __name__ == "__main__":
    REFERENCE.write_text(replace_table(REFERENCE.read_text()))
