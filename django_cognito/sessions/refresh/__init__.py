"""Refresh the tokens of a login. Must not depend on views or on the session."""

from .drivers import aensure_fresh, ensure_fresh, is_refresh_due

__all__ = ["aensure_fresh", "ensure_fresh", "is_refresh_due"]
