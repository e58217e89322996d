"""Draw images/secret-rotation.svg, a rotation of the client secret: `python docs/rotation_diagram.py`."""

from sequence_diagram import IMAGES, SequenceDiagram, Step

STEPS = (
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
)

if __name__ == "__main__":
    participants = ("Your site", "Cognito", "Secrets Manager")
    SequenceDiagram("A rotation of the client secret", participants, STEPS).write(IMAGES / "secret-rotation.svg")
