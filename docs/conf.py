"""How Sphinx makes a site of these pages: `tox run -e docs`. Neither it nor the site loads anything from elsewhere."""

from importlib import metadata

project = "django_cognito"
author = "the django_cognito contributors"
copyright = author
try:
    release = metadata.version("django-aws-cognito")
except metadata.PackageNotFoundError:  # the pages are made from a checkout, where nothing is installed
    release = ""

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "django_cognito"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"footer_icons": []}
