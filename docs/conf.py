"""The configuration of Sphinx: `tox run -e docs`. Neither the build nor the site loads external resources."""

import re
from importlib import metadata
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from docutils.io import StringOutput
from sphinx.application import Sphinx
from sphinx.builders.text import TextBuilder
from sphinx.writers.text import TextWriter

# docs/api.md reads the docstrings of the modules, some of which define models.
settings.configure(
    INSTALLED_APPS=[f"django.contrib.{name}" for name in ("auth", "contenttypes", "sessions", "messages", "admin")]
    + ["django_cognito"]
)
django.setup()

project = "django_cognito"
author = "the django_cognito contributors"
copyright = author
try:
    release = metadata.version("django-aws-cognito")
except metadata.PackageNotFoundError:  # the pages are built from a checkout without an installed package
    release = ""

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_llms_txt"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "django_cognito"
html_show_sourcelink = False  # the sources are copied for llms.txt
html_show_sphinx = False
html_theme_options = {"footer_icons": []}

autodoc_typehints = "description"
autodoc_member_order = "bysource"
nitpick_ignore_regex = [("py:class", ".*")]  # classes of other projects have their own documentation

llms_txt_summary = "A reusable Django app for sites that use Amazon Cognito."
llms_txt_uri_template = "_sources/{docname}{suffix}{sourcelink_suffix}"  # relative: the site may be below a path


def setup(app: Sphinx) -> None:
    """Connect the conversion of docstrings and the texts for llms.txt."""
    app.connect("autodoc-process-docstring", convert_docstring)
    app.connect("build-finished", write_generated_texts, priority=400)  # before sphinx_llms_txt reads them


def convert_docstring(app: Sphinx, kind: str, name: str, value: object, options: Any, lines: list[str]) -> None:
    """Convert Markdown's code spans to reStructuredText. Docstrings of modules are for readers of the source."""
    text = "" if kind == "module" else re.sub(r"(?<!`)`([^`]+)`(?!`)", r"``\1``", "\n".join(lines))
    lines[:] = text.split("\n")


def write_generated_texts(app: Sphinx, exception: Exception | None) -> None:
    """Replace the source of each page that has text of docstrings or of other files by the page as plain text."""
    if exception is not None or app.builder.name != "html":
        return
    builder = TextBuilder(app, app.env)
    builder.init()
    for name in app.env.found_docs:
        source = Path(app.outdir, "_sources", f"{name}.md.txt")
        if re.search(r"^```\{(include|eval-rst)\}", source.read_text(encoding="utf-8"), re.MULTILINE):
            page = StringOutput(encoding="utf-8")
            TextWriter(builder).write(app.env.get_and_resolve_doctree(name, builder), page)
            source.write_bytes(page.destination)
