"""Notes over HTTP: for a person's browser session, and for a bearer of Cognito's access token."""

from rest_framework import serializers, viewsets
from rest_framework.serializers import BaseSerializer

from .models import Note


class NoteSerializer(serializers.ModelSerializer):
    """A note as JSON; the author is read-only."""

    author = serializers.SlugRelatedField(slug_field="username", read_only=True)

    class Meta:
        model = Note
        fields = ["id", "title", "body", "place", "observed_on", "author", "created", "updated"]


class NoteViewSet(viewsets.ModelViewSet):
    """`/api/notes/`: list, read, write, change, delete."""

    queryset = Note.objects.select_related("author")
    serializer_class = NoteSerializer

    def perform_create(self, serializer: BaseSerializer) -> None:
        """The author is who asks."""
        serializer.save(author=self.request.user)
