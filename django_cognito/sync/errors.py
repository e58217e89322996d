"""The errors that end a synchronization before its end. Each has a stable code."""

from ..core.errors import CognitoError


class SyncError(CognitoError):
    """The run ended. Codes: "sync_running", "sync_refused", "sync_stopped", "sync_lost" (another run took over)."""

    code = "sync_refused"
