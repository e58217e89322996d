"""A browser's login."""
