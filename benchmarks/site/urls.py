"""The URL of the one API view."""

from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Hello(APIView):
    """A view that does no work."""

    def get(self, request: Request, **_: Any) -> Response:
        """Return a small object."""
        return Response({"hello": "world"})


urlpatterns = [path("hello/", Hello.as_view())]
