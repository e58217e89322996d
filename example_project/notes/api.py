"""Notes over HTTP: for a person's browser session, and for a bearer of Cognito's access token."""

from rest_framework import permissions, serializers, viewsets
from rest_framework.serializers import BaseSerializer

from .models import Note


class ModelPermissions(permissions.DjangoModelPermissions):
    """Django's model permissions, the one for reading included (DRF's own class lets everybody read)."""

    perms_map = {
        **permissions.DjangoModelPermissions.perms_map,
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
        "OPTIONS": ["%(app_label)s.view_%(model_name)s"],
    }


class NoteSerializer(serializers.ModelSerializer):
    """A note as JSON; its author is told, not taken."""

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
