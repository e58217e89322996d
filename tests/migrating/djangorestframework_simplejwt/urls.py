from rest_framework.permissions import IsAuthenticated
from rest_framework.views import APIView


class ShowUser(APIView):
    permission_classes = [IsAuthenticated]

    def get(self, request):
        return HttpResponse(f"user {request.user.pk}")


urlpatterns += [path("api/", ShowUser.as_view())]
