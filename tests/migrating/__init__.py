"""The guides docs/migrating-*.md, tried on sites of the other packages: `tox run -e migrating`."""
