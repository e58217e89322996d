"""The forms to upload files and photos, and the form for the files of another user."""

import unicodedata

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import FileExtensionValidator

from . import bucket, limits


def _endings(types: dict[str, str]) -> list[str]:
    return [ending.removeprefix(".") for ending in types]


class UploadForm(forms.Form):
    """One file."""

    file = forms.FileField(
        label="A file",
        help_text="Pictures, sound, tracks (GPX), tables, text or PDF; up to 10 MB.",
        validators=[limits.check_size, FileExtensionValidator(_endings(limits.FILES))],
        widget=forms.FileInput(attrs={"accept": ",".join(limits.FILES)}),
    )

    def clean_file(self) -> UploadedFile:
        """Its name is what it will be listed and asked for by: one spelling of each letter, and no path."""
        file: UploadedFile = self.cleaned_data["file"]
        file.name = unicodedata.normalize("NFC", file.name or "")
        if not bucket.is_name(file.name):
            raise forms.ValidationError("Give the file a shorter name, without slashes.", code="name")
        return file

    @property
    def content_type(self) -> str:
        """The media type that the file is stored with."""
        return limits.type_of(self.cleaned_data["file"].name)


class PhotoForm(forms.Form):
    """A photo for a note."""

    photo = forms.FileField(
        label="A photo",
        help_text="JPEG, PNG or WebP; up to 10 MB. It is kept among your own files.",
        validators=[limits.check_size, FileExtensionValidator(_endings(limits.PHOTOS)), limits.check_is_photo],
        widget=forms.FileInput(attrs={"accept": ",".join(limits.PHOTOS)}),
    )


class IdentityForm(forms.Form):
    """Whose files to ask for."""

    identity = forms.RegexField(
        # Cognito identity API reference, "GetId": the shape of an identity id, spelt for the pools of one region.
        r"^[a-z0-9-]{1,20}:[0-9a-f-]{1,36}$",
        label="An identity id",
        help_text="“Your identity” on its owner's page of files.",
        error_messages={"invalid": "An identity id looks like eu-west-1:12345678-90ab-cdef-1234-567890abcdef."},
        widget=forms.TextInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )
