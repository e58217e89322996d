"""The configuration of the app `pool_sync`."""

from django.apps import AppConfig


class PoolSyncConfig(AppConfig):
    """The app for synchronizations of the user pool."""

    name = "pool_sync"
    verbose_name = "Synchronizations of the user pool"
