"""A person's files in S3, asked for with that person's own credentials. What is allowed, IAM decides, nothing here.

Everything raises what boto3 raises, CredentialsError and CognitoUnavailableError; `refusals.py` has the words for it.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from botocore.exceptions import ClientError
from django.conf import settings

PAGE_SIZE = 50
# S3 API reference, "PutObject", If-None-Match: the object exists, or another request is writing it now.
_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
# S3 API reference, "GetObject": which of the two a missing object is depends on the right to list.
_PERHAPS_MISSING = frozenset({"NoSuchKey", "AccessDenied"})


class NameTakenError(Exception):
    """There is a file of that name, and it was not to be replaced."""


class NoSuchFileError(Exception):
    """There is no file of that name."""


@dataclass(frozen=True)
class StoredFile:
    """A file as S3 lists it; `size` is in bytes."""

    name: str
    size: int
    modified: datetime


@dataclass(frozen=True)
class Listing:
    """Some files, by name; `more_after` is the last of their names where others follow, else empty."""

    files: tuple[StoredFile, ...]
    more_after: str


def is_configured() -> bool:
    """Whether the site knows an identity pool and a bucket."""
    return bool(settings.COGNITO["IDENTITY_POOL_ID"] and settings.FIELDNOTES_BUCKET)


def is_name(name: str) -> bool:
    """Whether a file may be called that. A name is no path: it never leads out of a prefix."""
    return 0 < len(name) <= 120 and name.isprintable() and name not in (".", "..") and not set(name) & set("/\\")


class OwnFiles:
    """The files of the person behind `aws` (`request.cognito.aws`): those under `{identity id}/`."""

    def __init__(self, aws: Any) -> None:
        self.identity_id: str = aws.identity_id
        self._aws = aws

    def listing(self, *, after: str = "") -> Listing:
        """The files that come after that name, at most PAGE_SIZE."""
        return listing(self._aws, self.identity_id, after=after)

    def put(self, name: str, content: BinaryIO, content_type: str, *, replace: bool = False) -> str:
        """Store a file; its key. Raises NameTakenError, unless it may replace another."""
        key = self.key(name)
        condition = {} if replace else {"IfNoneMatch": "*"}
        try:
            _s3(self._aws).put_object(
                Bucket=settings.FIELDNOTES_BUCKET, Key=key, Body=content, ContentType=content_type, **condition
            )
        except ClientError as error:
            if error.response["Error"]["Code"] in _TAKEN:
                raise NameTakenError(name) from error
            raise
        return key

    def read(self, name: str) -> Any:
        """The file, as boto3 answers GetObject; its Body is a stream. Raises NoSuchFileError."""
        try:
            return read(self._aws, self.key(name))
        except ClientError as error:
            if error.response["Error"]["Code"] in _PERHAPS_MISSING and not self._has(name):
                raise NoSuchFileError(name) from error
            raise

    def delete(self, name: str) -> None:
        """Delete the file; one that is not there is none afterwards, too."""
        _s3(self._aws).delete_object(Bucket=settings.FIELDNOTES_BUCKET, Key=self.key(name))

    def key(self, name: str) -> str:
        """Where a file of that name lies."""
        if not is_name(name):
            raise ValueError("not a file's name")
        return f"{self.identity_id}/{name}"

    def _has(self, name: str) -> bool:
        key = self.key(name)
        found = _s3(self._aws).list_objects_v2(Bucket=settings.FIELDNOTES_BUCKET, Prefix=key, MaxKeys=1)
        return any(entry["Key"] == key for entry in found.get("Contents", ()))


def listing(aws: Any, identity_id: str, *, after: str = "") -> Listing:
    """The files under any identity's prefix: AWS says whether the person behind `aws` may know them."""
    prefix = f"{identity_id}/"
    found = _s3(aws).list_objects_v2(
        Bucket=settings.FIELDNOTES_BUCKET, Prefix=prefix, MaxKeys=PAGE_SIZE, StartAfter=prefix + after
    )
    files = tuple(
        StoredFile(entry["Key"].removeprefix(prefix), entry["Size"], entry["LastModified"])
        for entry in found.get("Contents", ())
    )
    return Listing(files, files[-1].name if found["IsTruncated"] else "")


def read(aws: Any, key: str) -> Any:
    """Any file by its key: AWS says whether the person behind `aws` may read it."""
    return _s3(aws).get_object(Bucket=settings.FIELDNOTES_BUCKET, Key=key)


def _s3(aws: Any) -> Any:
    return aws.client("s3")
