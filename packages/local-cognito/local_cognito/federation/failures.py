"""The failure of a sign-in through an identity provider. Does not depend on the provider."""


class FederationFailed(Exception):  # noqa: N818 - not a programming error: the response is a redirect
    """The app receives `error` and `description` at its redirect URI. The texts are Cognito's."""

    def __init__(self, description: str, error: str = "invalid_request") -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
