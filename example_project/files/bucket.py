"""Access to the files of a user in S3 with the credentials of that user. IAM alone decides what is allowed.

All functions raise the exceptions of boto3, CredentialsError and CognitoUnavailableError. `aws_errors.py` has a
message for each of them.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from botocore.exceptions import ClientError
from django.conf import settings

PAGE_SIZE = 50
# S3 API reference, "PutObject", If-None-Match: the object exists, or another request is writing it now.
_NAME_TAKEN_CODES = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
# S3 API reference, "GetObject": the code for a missing object depends on the permission s3:ListBucket.
_MISSING_OR_DENIED_CODES = frozenset({"NoSuchKey", "AccessDenied"})


class NameTakenError(Exception):
    """A file with this name exists and must not be replaced."""


class NoSuchFileError(Exception):
    """No file with this name exists."""


@dataclass(frozen=True)
class StoredFile:
    """A file in the bucket. `size` is in bytes."""

    name: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class FileListing:
    """One page of files, sorted by name. `more_after` is the last name if there are more files, else empty."""

    files: tuple[StoredFile, ...]
    more_after: str


def is_configured() -> bool:
    """Return whether the settings contain an identity pool and a bucket."""
    return bool(settings.COGNITO["IDENTITY_POOL_ID"] and settings.FIELDNOTES_BUCKET)


def is_valid_name(name: str) -> bool:
    """Return whether `name` is a valid file name. It contains no path, so the file stays under the user's prefix."""
    return 0 < len(name) <= 120 and name.isprintable() and name not in (".", "..") and not set(name) & set("/\\")


class UserFiles:
    """The files of the user of `aws` (`request.cognito.aws`). Their keys begin with `{identity id}/`."""

    def __init__(self, aws: Any) -> None:
        self.identity_id: str = aws.identity_id
        self._aws = aws

    def list(self, *, after: str = "") -> FileListing:
        """Return the files after the name `after`, at most PAGE_SIZE."""
        return list_files(self._aws, self.identity_id, after=after)

    def put(self, name: str, content: BinaryIO, content_type: str, *, replace: bool = False) -> str:
        """Store a file and return its key. Raise NameTakenError if the file exists and `replace` is false."""
        key = self.get_key(name)
        condition = {} if replace else {"IfNoneMatch": "*"}
        try:
            _s3_client(self._aws).put_object(
                Bucket=settings.FIELDNOTES_BUCKET, Key=key, Body=content, ContentType=content_type, **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _NAME_TAKEN_CODES:
                raise NameTakenError(name) from error
            raise
        return key

    def read(self, name: str) -> Any:
        """Return boto3's response of GetObject; its Body is a stream. Raise NoSuchFileError if there is no file."""
        try:
            return read_object(self._aws, self.get_key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in _MISSING_OR_DENIED_CODES and not self._exists(name):
                raise NoSuchFileError(name) from error
            raise

    def delete(self, name: str) -> None:
        """Delete the file. If there is no such file, do nothing."""
        _s3_client(self._aws).delete_object(Bucket=settings.FIELDNOTES_BUCKET, Key=self.get_key(name))

    def get_key(self, name: str) -> str:
        """Return the S3 key of a file. Raise ValueError if the name is not valid."""
        if not is_valid_name(name):
            raise ValueError("not a valid file name")
        return f"{self.identity_id}/{name}"

    def _exists(self, name: str) -> bool:
        key = self.get_key(name)
        response = _s3_client(self._aws).list_objects_v2(Bucket=settings.FIELDNOTES_BUCKET, Prefix=key, MaxKeys=1)
        return any(entry["Key"] == key for entry in response.get("Contents", ()))


def list_files(aws: Any, identity_id: str, *, after: str = "") -> FileListing:
    """Return files under the prefix of any identity. AWS decides whether the user of `aws` may list them."""
    prefix = f"{identity_id}/"
    response = _s3_client(aws).list_objects_v2(
        Bucket=settings.FIELDNOTES_BUCKET, Prefix=prefix, MaxKeys=PAGE_SIZE, StartAfter=prefix + after
    )
    files = tuple(
        StoredFile(entry["Key"].removeprefix(prefix), entry["Size"], entry["LastModified"])
        for entry in response.get("Contents", ())
    )
    return FileListing(files, files[-1].name if response["IsTruncated"] else "")


def read_object(aws: Any, key: str) -> Any:
    """Return boto3's response of GetObject for any key. AWS decides whether the user of `aws` may read it."""
    return _s3_client(aws).get_object(Bucket=settings.FIELDNOTES_BUCKET, Key=key)


def _s3_client(aws: Any) -> Any:
    return aws.client("s3")
