"""What may be uploaded: how large, and of which kinds."""

import re
from pathlib import PurePath

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.template.defaultfilters import filesizeformat

MAX_BYTES = 10 * 1024 * 1024
PHOTOS = {".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".webp": "image/webp"}
FILES = {
    **PHOTOS,
    ".csv": "text/csv",
    ".gpx": "application/gpx+xml",
    ".md": "text/markdown",
    ".mp3": "audio/mpeg",
    ".pdf": "application/pdf",
    ".txt": "text/plain",
    ".wav": "audio/wav",
}
# How the files begin. W3C PNG 5.2; ITU-T T.81 B.2.1; RFC 9649 2.4.
_BEGINNINGS = {
    "image/jpeg": re.compile(rb"\xff\xd8\xff"),
    "image/png": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "image/webp": re.compile(rb"RIFF.{4}WEBP", re.DOTALL),
}


class StopAtLimit(FileUploadHandler):
    """Lets through what it takes to see that a file is too large: the rest reaches neither memory nor disk.

    First in FILE_UPLOAD_HANDLERS, before those that keep what they are given.
    """

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes | None:
        """The chunk for the next handler, or nothing."""
        return raw_data if start <= MAX_BYTES else None

    def file_complete(self, file_size: int) -> None:
        """The file is the next handler's."""


def check_size(file: UploadedFile) -> None:
    """Raises ValidationError for a file that is too large."""
    if (file.size or 0) > MAX_BYTES:
        raise ValidationError(f"This file is larger than {filesizeformat(MAX_BYTES)}.", code="too_large")


def check_is_photo(file: UploadedFile) -> None:
    """Raises ValidationError for a file that does not begin as its name promises; other names are judged elsewhere."""
    pattern = _BEGINNINGS.get(type_of(file.name or ""))
    beginning = file.read(12)
    file.seek(0)
    if pattern and not pattern.match(beginning):
        raise ValidationError("This is called a picture, and is none.", code="not_a_picture")


def type_of(name: str) -> str:
    """The media type by the name's ending, whatever the browser said; empty for one that is not taken."""
    return FILES.get(PurePath(name).suffix.lower(), "")
