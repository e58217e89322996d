"""What AWS said no to, in plain words: an error of boto3 or django_cognito becomes a status, a code and a sentence."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError

OF_THE_SERVICE = (ClientError, BotoCoreError)
EXPLAINED = (CredentialsError, CognitoUnavailableError, *OF_THE_SERVICE)
RETRY_AFTER_SECONDS = 5
_ASKED = {
    "ListObjectsV2": "list the files under this prefix",
    "GetObject": "read this file",
    "PutObject": "store a file",
    "DeleteObject": "delete a file",
}
_WITHOUT_CREDENTIALS = {
    "not_signed_in": "You did not sign in with Cognito, so AWS does not know you and gives you no credentials.",
    "id_token_required": "An access token alone was sent; AWS knows people by their ID token.",
}


@dataclass(frozen=True)
class Refusal:
    """Why there was nothing to be had. `said` is AWS's own sentence, where it said one."""

    status: int
    code: str
    sentence: str
    said: str = ""

    @property
    def may_pass(self) -> bool:
        """Whether the same may work in a moment."""
        return self.status == 503


def explain(error: Exception) -> Refusal:
    """The refusal that one of EXPLAINED is."""
    if isinstance(error, ClientError):
        return _by_the_service(error)
    if isinstance(error, CredentialsError):
        sentence = _WITHOUT_CREDENTIALS.get(error.code, "The identity pool gives you no AWS credentials.")
        return Refusal(403, error.aws_code or error.code, sentence)
    if isinstance(error, CognitoUnavailableError):
        return Refusal(503, error.code, "Cognito, which vouches for you at AWS, cannot be reached right now.")
    return Refusal(503, "s3_unavailable", "S3, where the files lie, cannot be reached right now.")


def _by_the_service(error: ClientError) -> Refusal:
    told = error.response["Error"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    asked = _ASKED.get(error.operation_name, "do this")
    if status >= 500 or told["Code"] == "SlowDown":
        return Refusal(503, told["Code"], "S3, where the files lie, has trouble right now.", told["Message"])
    if told["Code"] == "AccessDenied":
        sentence = f"You asked AWS to {asked}, and the role that it gives you does not allow that."
        return Refusal(403, told["Code"], sentence, told["Message"])
    return Refusal(403, told["Code"], f"You asked AWS to {asked}, and it did not.", told["Message"])
