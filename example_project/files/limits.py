"""The size and the types of files that users may upload."""

import re
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.template.defaultfilters import filesizeformat

MAX_BYTES = 10 * 1024 * 1024
# Media types by file name extension
PHOTO_TYPES = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
FILE_TYPES = {
    **PHOTO_TYPES,
    ".csv": "text/csv",
    ".gpx": "application/gpx+xml",
    ".md": "text/markdown",
    ".mp3": "audio/mpeg",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".wav": "audio/wav",
}
# The first bytes of a file of this type. Sources: W3C PNG 5.2; ITU-T T.81 B.2.1; RFC 9649 2.4.
_SIGNATURES = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}


class SizeLimitUploadHandler(FileUploadHandler):
    """Discard the content of a file that is too large, so that it uses neither memory nor disk.

    Put it first in FILE_UPLOAD_HANDLERS, before the handlers that store content. Content of slightly more than
    MAX_BYTES passes, so that `validate_size` can reject the file.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """Return the chunk for the next handler, or None beyond the limit."""
        return raw_data if start <= MAX_BYTES else None

    def file_complete(self, file_size: int) -> None:
        """Return None: the next handler creates the file."""


def validate_size(file: UploadedFile) -> None:
    """Raise ValidationError if the file is too large."""
    if (file.size or 0) > MAX_BYTES:
        raise ValidationError(f"This file is larger than {filesizeformat(MAX_BYTES)}.", code="too_large")


def validate_photo(file: UploadedFile) -> None:
    """Raise ValidationError if the content does not match the extension. Other extensions are not checked here."""
    signature = _SIGNATURES.get(get_media_type(file.name or ""))
    first_bytes = file.read(12)
    file.seek(0)
    if signature and not signature.match(first_bytes):
        raise ValidationError("The content of this file is not an image of this type.", code="not_a_picture")


def get_media_type(name: str) -> str:
    """Return the media type for the extension of `name`, or "" if the type is not accepted.

    The Content-Type of the upload is not used: the client chooses it.
    """
    return FILE_TYPES.get(PurePath(name).suffix.lower(), "")
