"""The files API. With a bearer token, the request also needs the ID token: AWS does not accept access tokens."""

from typing import Any

from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import bucket
from .aws_errors import RETRY_AFTER_SECONDS, S3_ERRORS, AwsErrorInfo, describe_aws_error


class FileListView(APIView):
    """List the files of the user. The parameter "after" is a name: the list begins after it."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """Return the identity id, one page of files sorted by name, and the value of `after` for the next page."""
        if not bucket.is_configured():
            raise NotFound({"detail": "File storage is not configured.", "code": "files_not_configured"})
        try:
            user_files = bucket.UserFiles(request.cognito.aws)
            listing = user_files.list(after=request.query_params.get("after", ""))
        except S3_ERRORS as error:  # django_cognito translates its own exceptions
            raise _build_api_exception(describe_aws_error(error)) from error
        return Response(
            {
                "identity_id": user_files.identity_id,
                "files": _serialize_files(listing),
                "more_after": listing.more_after,
            }
        )


def _serialize_files(listing: bucket.FileListing) -> list[dict[str, Any]]:
    return [{"name": file.name, "size": file.size, "modified": file.modified} for file in listing.files]


def _build_api_exception(info: AwsErrorInfo) -> APIException:
    exception = APIException({"detail": info.message, "code": info.code}, code=info.code)
    exception.status_code = info.status
    if info.is_temporary:
        exception.wait = RETRY_AFTER_SECONDS  # DRF sets the Retry-After header from this attribute
    return exception
