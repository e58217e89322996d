"""The notes API. It accepts Django sessions and Cognito access tokens."""

from rest_framework import serializers, viewsets
from rest_framework.serializers import BaseSerializer

from .models import Note


class NoteSerializer(serializers.ModelSerializer):
    """A note as JSON. The author is read-only."""

    author = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Note
        fields = ["id", "title", "body", "place", "observed_on", "author", "created", "updated"]


class NoteViewSet(viewsets.ModelViewSet):
    """List, retrieve, create, update and delete notes."""  # the browsable API shows this text

    queryset = Note.objects.select_related("author")
    serializer_class = NoteSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        """Set the author to the user of the request."""
        serializer.save(author=self.request.user)
