"""Draw the sequence diagrams of the guide, in images/: `python docs/diagrams.py`."""

from sequence_diagram import IMAGES, SequenceDiagram, Step

SIGN_IN_PARTICIPANTS = ("Browser", "Your site", "Cognito")
DIAGRAMS = {
    "login": SequenceDiagram(
        "The login, step by step",
        SIGN_IN_PARTICIPANTS,
        (
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
        ),
    ),
    "step-up": SequenceDiagram(
        "A step-up, step by step",
        SIGN_IN_PARTICIPANTS,
        (
            Step(0, 1, "GET /notes/7/delete/"),
            Step(1, 1, "signed in 20 minutes ago, 10 are allowed"),
            Step(1, 0, "302 to /auth/step-up/?max_age=600"),
            Step(0, 1, "GET /auth/step-up/"),
            Step(1, 0, "302 to the hosted UI"),
            Step(0, 2, "GET /oauth2/authorize: prompt=login, max_age"),
            Step(2, 2, "password, MFA"),
            Step(2, 0, "302 to the callback: code, state"),
            Step(0, 1, "GET /auth/callback/: code, state"),
            Step(1, 2, "POST /oauth2/token"),
            Step(2, 1, "tokens: auth_time, acr, amr"),
            Step(1, 1, "checks them; not sufficient: an error page"),
            Step(1, 1, "ends the old login, changes the session key"),
            Step(1, 0, "302 to /notes/7/delete/"),
        ),
    ),
    "refresh": SequenceDiagram(
        "A refresh, step by step",
        SIGN_IN_PARTICIPANTS,
        (
            Step(0, 1, "GET /notes/: the tokens expire soon"),
            Step(1, 1, "acquires the lease with one UPDATE"),
            Step(1, 2, "POST /oauth2/token: refresh token"),
            Step(0, 1, "GET /count/: another process"),
            Step(1, 0, "200, with the tokens that are still valid"),
            Step(2, 1, "new tokens, and with rotation a new refresh token"),
            Step(1, 1, "verifies the tokens, updates the user"),
            Step(1, 1, "stores the tokens, releases the lease"),
            Step(1, 0, "200, with the rights of the new tokens"),
        ),
    ),
    "sign-out": SequenceDiagram(
        "A sign-out, step by step",
        ("One process", "Cache, database", "Other processes"),
        (
            Step(0, 1, "the login row: ended_at"),
            Step(0, 1, "the cache: origin_jti is revoked"),
            Step(0, 0, "asks Cognito to revoke the refresh token"),
            Step(0, 1, "deletes the row once Cognito has confirmed"),
            Step(2, 1, "one get_many in REVOCATION_SECONDS"),
            Step(1, 2, "origin_jti is revoked"),
            Step(2, 2, "401 token_revoked, also for cached tokens"),
        ),
    ),
    "own-sign-ins": SequenceDiagram(
        "The end of another sign-in, step by step",
        ("One browser", "Your site", "Another browser"),
        (
            Step(0, 1, "GET /auth/logins/"),
            Step(1, 0, "200, the logins of the user"),
            Step(0, 1, "POST /auth/logins/<id>/end/"),
            Step(1, 1, "the login row: ended_at, with one UPDATE"),
            Step(1, 1, "the cache: origin_jti is revoked"),
            Step(1, 1, "asks Cognito to revoke the refresh token"),
            Step(1, 1, "once Cognito confirms: deletes the row"),
            Step(1, 0, "302 to /auth/logins/"),
            Step(2, 1, "GET /notes/"),
            Step(1, 1, "the login has ended: flushes the session"),
            Step(1, 2, "302 to /auth/login/?next=/notes/"),
        ),
    ),
    "secret-rotation": SequenceDiagram(
        "A rotation of the client secret",
        ("Your site", "Cognito", "Secrets Manager"),
        (
            Step(0, 2, "GetSecretValue, on first use"),
            Step(2, 0, "first secret, cached in the process"),
            Step(0, 1, "refresh, with the first secret"),
            Step(1, 0, "new tokens"),
            Step(2, 1, "rotation: adds the second secret"),
            Step(1, 1, "both secrets are valid for a time"),
            Step(1, 1, "the first secret expires"),
            Step(0, 1, "refresh, with the first secret"),
            Step(1, 0, "invalid_client; the token is not used"),
            Step(0, 2, "GetSecretValue, once in 60 s and process"),
            Step(2, 0, "second secret"),
            Step(0, 1, "the same refresh, with the second secret"),
            Step(1, 0, "new tokens"),
        ),
    ),
}

if __name__ == "__main__":
    for name, diagram in DIAGRAMS.items():
        diagram.write(IMAGES / f"{name}.svg")
