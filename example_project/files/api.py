"""My files over HTTP. A bearer sends the ID token of the same sign-in along: AWS takes no access token."""

from typing import Any

from rest_framework.exceptions import APIException, NotFound
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from . import bucket
from .refusals import OF_THE_SERVICE, RETRY_AFTER_SECONDS, Refusal, explain


class FilesApi(APIView):
    """`/api/files/`: the caller's files; `?after=NAME` for those after that one."""

    permission_classes = [IsAuthenticated]

    def get(self, request: Request) -> Response:
        """The caller's identity, a page of files by name, and the name that the next page comes after."""
        if not bucket.is_configured():
            raise NotFound({"detail": "No files are kept here.", "code": "files_not_configured"})
        try:
            own = bucket.OwnFiles(request.cognito.aws)
            found = own.listing(after=request.query_params.get("after", ""))
        except OF_THE_SERVICE as error:  # what django_cognito raises, it answers itself
            raise _refused(explain(error)) from error
        return Response({"identity_id": own.identity_id, "files": _as_json(found), "more_after": found.more_after})


def _as_json(found: bucket.Listing) -> list[dict[str, Any]]:
    return [{"name": file.name, "size": file.size, "modified": file.modified} for file in found.files]


def _refused(refusal: Refusal) -> APIException:
    error = APIException({"detail": refusal.sentence, "code": refusal.code}, code=refusal.code)
    error.status_code = refusal.status
    if refusal.may_pass:
        error.wait = RETRY_AFTER_SECONDS  # DRF makes Retry-After of it
    return error
