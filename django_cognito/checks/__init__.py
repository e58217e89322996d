"""System checks of `COGNITO` and of the settings around it, by subject. Only those of the tag `database` do I/O."""

from .registration import check_database, check_deployment, check_settings

__all__ = ["check_database", "check_deployment", "check_settings"]
