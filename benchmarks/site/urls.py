"""One API view."""

from typing import Any

from django.urls import path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView


class Hello(APIView):
    """Does nothing that takes time."""

    def get(self, request: Request, **_: Any) -> Response:
        """A greeting."""
        return Response({"hello": "world"})


urlpatterns = [path("hello/", Hello.as_view())]
