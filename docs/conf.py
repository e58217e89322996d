"""The configuration of Sphinx: `tox run -e docs`. Neither the build nor the site loads external resources."""

from importlib import metadata

project = "django_cognito"
author = "the django_cognito contributors"
copyright = author
try:
    release = metadata.version("django-aws-cognito")
except metadata.PackageNotFoundError:  # the pages are built from a checkout without an installed package
    release = ""

extensions = ["myst_parser"]
myst_heading_anchors = 3
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = "django_cognito"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"footer_icons": []}
