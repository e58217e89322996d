"""The form that a note is written in."""

from django import forms

from .models import Note


class NoteForm(forms.ModelForm):
    """The fields of a note. The author is the user who writes it, and is no field."""

    class Meta:
        model = Note
        fields = ["title", "observed_on", "place", "body"]
        widgets = {
            "observed_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "body": forms.Textarea(attrs={"rows": 10}),
        }
        help_texts = {"place": "Optional. As you would tell a friend: “the bend below the mill”."}
