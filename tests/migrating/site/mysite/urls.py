from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.urls import include, path


@login_required
def show_user(request):
    return HttpResponse(f"user {request.user.pk}")


urlpatterns = [path("", show_user)]
