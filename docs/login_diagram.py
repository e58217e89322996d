"""Draw images/login.svg, the sequence diagram of the login: `python docs/login_diagram.py`."""

from sequence_diagram import IMAGES, SequenceDiagram, Step

STEPS = (
    Step(0, 1, "GET /auth/login/?next=/notes/"),
    Step(1, 1, "encrypts the state, sets a cookie with a secret"),
    Step(1, 0, "302 to the hosted UI"),
    Step(0, 2, "GET /oauth2/authorize: state, nonce, S256 challenge"),
    Step(2, 2, "password, MFA, or an identity provider"),
    Step(2, 0, "302 to the callback: code, state"),
    Step(0, 1, "GET /auth/callback/: code, state"),
    Step(1, 1, "checks state and cookie, once"),
    Step(1, 2, "POST /oauth2/token: code, verifier, client"),
    Step(2, 1, "access, ID and refresh token"),
    Step(1, 1, "verifies both tokens"),
    Step(1, 1, "creates or updates the user and its grants"),
    Step(1, 1, "encrypts the tokens, changes the session key"),
    Step(1, 0, "302 to /notes/"),
)

if __name__ == "__main__":
    diagram = SequenceDiagram("The login, step by step", ("Browser", "Your site", "Cognito"), STEPS)
    diagram.write(IMAGES / "login.svg")
