"""A small Django site with one API view, and a table of authentication classes for it."""
