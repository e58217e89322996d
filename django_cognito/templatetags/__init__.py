"""The templates' side of the login."""
