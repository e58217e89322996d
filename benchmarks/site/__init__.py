"""A small Django site with one API view, and a table of who authenticates it."""
