"""The form for a note."""

from django import forms

from .models import Note


class NoteForm(forms.ModelForm):
    """The fields of a note that the user edits. The view sets the author."""

    class Meta:
        model = Note
        fields = ["title", "observed_on", "place", "body"]
        widgets = {
            "observed_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "body": forms.Textarea(attrs={"rows": 10}),
        }
        help_texts = {"place": "Optional, for example “the bend below the mill”."}
