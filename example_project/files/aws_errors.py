"""Messages for errors of AWS: convert an exception of boto3 or django_cognito to a status, a code and a message."""

from dataclasses import dataclass

from botocore.exceptions import BotoCoreError, ClientError

from django_cognito.core.errors import CognitoUnavailableError, CredentialsError

S3_ERRORS = (ClientError, BotoCoreError)
AWS_ERRORS = (CredentialsError, CognitoUnavailableError, *S3_ERRORS)
RETRY_AFTER_SECONDS = 5
# What the user tried to do, by the name of the S3 operation
_ACTIONS = {
    "ListObjectsV2": "list the files under this prefix",
    "GetObject": "read this file",
    "PutObject": "store a file",
    "DeleteObject": "delete a file",
}
_CREDENTIALS_MESSAGES = {
    "not_signed_in": "You did not sign in with Cognito, so you have no AWS credentials.",
    "id_token_required": "The request has an access token only. AWS credentials also need the ID token.",
}


@dataclass(frozen=True)
class AwsErrorInfo:
    """The HTTP status, the code and the message of an error. `aws_message` is the message of AWS, if any."""

    status: int
    code: str
    message: str
    aws_message: str = ""

    @property
    def is_temporary(self) -> bool:
        """Whether a later attempt may succeed."""
        return self.status == 503


def describe_aws_error(error: Exception) -> AwsErrorInfo:
    """Return the description of one of AWS_ERRORS."""
    if isinstance(error, ClientError):
        return _describe_s3_error(error)
    if isinstance(error, CredentialsError):
        message = _CREDENTIALS_MESSAGES.get(error.code, "The identity pool returned no AWS credentials for you.")
        return AwsErrorInfo(403, error.aws_code or error.code, message)
    if isinstance(error, CognitoUnavailableError):
        return AwsErrorInfo(503, error.code, "Cognito cannot be reached, so you have no AWS credentials.")
    return AwsErrorInfo(503, "s3_unavailable", "S3 cannot be reached.")


def _describe_s3_error(error: ClientError) -> AwsErrorInfo:
    code, aws_message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    action = _ACTIONS.get(error.operation_name, "do this")
    if status >= 500 or code == "SlowDown":
        return AwsErrorInfo(503, code, "S3 is temporarily unavailable.", aws_message)
    if code == "AccessDenied":
        return AwsErrorInfo(403, code, f"Your IAM role does not allow you to {action}.", aws_message)
    return AwsErrorInfo(403, code, f"AWS rejected the request to {action}.", aws_message)
