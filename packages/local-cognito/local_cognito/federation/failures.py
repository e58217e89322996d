"""Why a sign-in through a provider has failed, in Cognito's words. Knows nothing of the provider."""


class FederationFailed(Exception):  # noqa: N818 - not an error of ours: the answer is a redirect
    """The app is told `error` and `description`, on its own address."""

    def __init__(self, description: str, error: str = "invalid_request") -> None:
        super().__init__(f"{error}: {description}")
        self.error = error
        self.description = description
