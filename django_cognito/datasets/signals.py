"""The signal of this app. An exception of a receiver is logged and has no other effect."""

from django.dispatch import Signal

# Sent on commit; the sender is None.
dataset_changed = Signal()  # user, name, sync_count, keys (a tuple of the changed and deleted ones), no value
