"""Draw images/refresh.svg, the sequence diagram of a refresh: `python docs/refresh_diagram.py`."""

from pathlib import Path

from login_diagram import Step, draw

_FILE = Path(__file__).parent / "images" / "refresh.svg"
STEPS = (
    Step(0, 1, "GET /notes/: the tokens expire soon"),
    Step(1, 1, "acquires the lease with one UPDATE"),
    Step(1, 2, "POST /oauth2/token: refresh token"),
    Step(0, 1, "GET /count/: another process"),
    Step(1, 0, "200, with the tokens that are still valid"),
    Step(2, 1, "new tokens, and with rotation a new refresh token"),
    Step(1, 1, "verifies the tokens, updates the user"),
    Step(1, 1, "stores the tokens, releases the lease"),
    Step(1, 0, "200, with the rights of the new tokens"),
)

if __name__ == "__main__":
    draw(_FILE, "A refresh, step by step", STEPS)
