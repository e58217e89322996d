"""The forms to upload files and photos, and the form for the files of another user."""

import unicodedata

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import FileExtensionValidator

from . import bucket, limits


def _extensions(types: dict[str, str]) -> list[str]:
    return [extension.removeprefix(".") for extension in types]


class UploadForm(forms.Form):
    """The form to upload a file."""

    file = forms.FileField(
        label="A file",
        help_text="Images, audio, GPX tracks, CSV, text or PDF; up to 10 MB.",
        validators=[limits.validate_size, FileExtensionValidator(_extensions(limits.FILE_TYPES))],
        widget=forms.FileInput(attrs={"accept": ",".join(limits.FILE_TYPES)}),
    )

    def clean_file(self) -> UploadedFile:
        """Normalize the file name (Unicode NFC) and raise ValidationError if it is not valid."""
        file: UploadedFile = self.cleaned_data["file"]
        file.name = unicodedata.normalize("NFC", file.name or "")
        if not bucket.is_valid_name(file.name):
            raise forms.ValidationError("Use a shorter file name without slashes.", code="name")
        return file

    @property
    def content_type(self) -> str:
        """The media type to store the file with."""
        return limits.get_media_type(self.cleaned_data["file"].name)


class PhotoForm(forms.Form):
    """The form to upload the photo of a note."""

    photo = forms.FileField(
        label="A photo",
        help_text="JPEG, PNG or WebP; up to 10 MB. It is stored with your own files.",
        validators=[
            limits.validate_size,
            FileExtensionValidator(_extensions(limits.PHOTO_TYPES)),
            limits.validate_photo,
        ],
        widget=forms.FileInput(attrs={"accept": ",".join(limits.PHOTO_TYPES)}),
    )


class IdentityForm(forms.Form):
    """The form to choose the identity whose files are requested."""

    identity = forms.RegexField(
        # Cognito identity API reference, "GetId": the pattern of an identity id.
        r"^[a-z0-9-]{1,20}:[0-9a-f-]{1,36}$",
        label="An identity id",
        help_text="The owner finds it on the page “My files”, at “Your identity”.",
        error_messages={"invalid": "An identity id looks like eu-west-1:12345678-90ab-cdef-1234-567890abcdef."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
