"""Store and refresh the tokens of signed-in users, and end their logins.

Must not depend on views or on `request.cognito`.
"""

from .ending.sign_out import arevoke_login, asign_out_everywhere, revoke_login, sign_out_everywhere

__all__ = ["arevoke_login", "asign_out_everywhere", "revoke_login", "sign_out_everywhere"]
