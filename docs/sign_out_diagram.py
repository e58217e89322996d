"""Draw images/sign-out.svg, the sequence diagram of a sign-out: `python docs/sign_out_diagram.py`."""

from pathlib import Path

from login_diagram import Step, draw

_FILE = Path(__file__).parent / "images" / "sign-out.svg"
_PARTICIPANTS = ("One process", "Cache, database", "Other processes")

STEPS = (
    Step(0, 1, "the login row: ended_at"),
    Step(0, 1, "the cache: origin_jti is revoked"),
    Step(0, 0, "asks Cognito to revoke the refresh token"),
    Step(0, 1, "deletes the row once Cognito has confirmed"),
    Step(2, 1, "one get_many in REVOCATION_SECONDS"),
    Step(1, 2, "origin_jti is revoked"),
    Step(2, 2, "401 token_revoked, also for cached tokens"),
)

if __name__ == "__main__":
    draw(_FILE, "A sign-out, step by step", _PARTICIPANTS, STEPS)
