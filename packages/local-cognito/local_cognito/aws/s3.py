"""moto's S3 with authorization: the permissions that each request needs, and the errors of S3."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote, urlparse

import xmltodict  # type: ignore[import-untyped]
from moto.core.request import Request
from moto.s3.exceptions import BucketAccessDeniedError, S3AccessDeniedError, S3ClientError
from moto.s3.responses import S3Response

from .account import Account
from .authorizer import AccessDeniedError, Authorizer, DenyReason, Permission

Answer = tuple[int, dict[str, str], Any]

# Amazon S3 API reference, "Error responses".
_ERRORS = {
    DenyReason.UNKNOWN_KEY: (
        "InvalidAccessKeyId",
        "The AWS Access Key Id you provided does not exist in our records.",
    ),
    DenyReason.BAD_TOKEN: ("InvalidToken", "The provided token is malformed or otherwise invalid."),
    DenyReason.BAD_SIGNATURE: (
        "SignatureDoesNotMatch",
        "The request signature we calculated does not match the signature you provided.",
    ),
    DenyReason.EXPIRED: ("ExpiredToken", "The provided token has expired."),
}
# Amazon S3 API reference, "HeadBucket": there is no permission of that name.
_PERMISSIONS = {"HeadBucket": "ListBucket"}
# Service authorization reference, "Condition keys for Amazon S3": those about a listing.
_CONDITION_KEYS = ("prefix", "delimiter")


class AuthorizedS3(S3Response):
    """One request to S3, with the bucket in its path."""

    def __init__(self, account: Account, authorizer: Authorizer, *, own_host: str) -> None:
        super().__init__()
        self._own_host = own_host
        self._account = account
        self._authorizer = authorizer
        self._condition_values: dict[str, str] = {}

    def respond(self, request: Request) -> Answer:
        """Return moto's response, or an error of S3 if the request is denied."""
        self._condition_values = {f"s3:{name}": request.args[name] for name in _CONDITION_KEYS if name in request.args}
        is_object = request.raw_path.strip("/").count("/") > 0
        respond = self.key_response if is_object else self.bucket_response
        status, headers, body = respond(request, request.raw_url, dict(request.headers))
        self._account.keep_buckets_apart()
        return status, headers, body

    def subdomain_based_buckets(self, request: Request) -> bool:  # type: ignore[override]
        """Return whether the Host header begins with a bucket: not if it is the own host, which may have a dot too."""
        return request.host.lower() != self._own_host and bool(super().subdomain_based_buckets(request))

    def get_current_account(self) -> str:
        """Return the number of this account, for any request."""
        return self._account.number

    def _authenticate_and_authorize_s3_action(
        self, bucket_name: str | None = None, key_name: str | None = None
    ) -> None:
        # moto calls this after it has parsed the request, so the path is only parsed once.
        try:
            needs = self._required_permissions(bucket_name, key_name)
            permissions = ((f"s3:{action}", f"arn:aws:s3:::{resource}") for action, resource in needs)
            self._authorizer.authorize(permissions, self._condition_values)
        except AccessDeniedError as error:
            if error.reason is not DenyReason.DENIED:
                raise S3ClientError(*_ERRORS[error.reason]) from error
            raise (BucketAccessDeniedError(bucket_name) if bucket_name else S3AccessDeniedError()) from error

    def _required_permissions(self, bucket: str | None, key: str | None) -> Iterator[Permission]:
        """Yield the actions and resources that the request needs; its body is only read after authentication."""
        action = str(self.data.get("Action", "ListBucket"))
        if self.method == "POST" and key is None and self.is_delete_keys():
            # Parsed as in moto, but always as a list. Without keys there is nothing to authorize, and moto returns
            # MalformedXML.
            document = xmltodict.parse(self.body, strip_whitespace=False, force_list=("Object",))
            for deleted_key in [item["Key"] for item in document["Delete"].get("Object", [])]:
                yield "DeleteObject", f"{bucket}/{deleted_key}"
            return
        yield _PERMISSIONS.get(action, action), f"{bucket}/{key}" if key else bucket or "*"
        if source := self.headers.get("x-amz-copy-source"):
            yield "GetObject", unquote(urlparse(source).path).lstrip("/")
