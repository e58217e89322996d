"""A site with forms whose views store a row for each request, and require a login, a recent sign-in or a second factor.

A row is a LogEntry with the fields and the files of the request: the number of rows is the number of requests that
reached a view.
"""

import json
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin, auth
from django.contrib.admin.models import ADDITION, LogEntry
from django.contrib.auth import get_user_model
from django.contrib.auth.decorators import login_required, permission_required
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template import engines
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

from django_cognito.decorators import group_required, live_check_required, mfa_required, recent_sign_in_required

PATH = "/notes/?list=1&b=%C3%A9"
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Notes</title><link rel="icon" href="data:,"></head><body>
<h1>New note</h1>
<form method="post" action="{{ action }}"{% if multipart %} enctype="multipart/form-data"{% endif %}>
  {% csrf_token %}
  <label>Title <input name="title"></label>
  <label>Text <textarea name="text"></textarea></label>
  <label>One <input type="checkbox" name="tag" value="one"></label>
  <label>Two <input type="checkbox" name="tag" value="two"></label>
  <input type="hidden" name="submit" value="a name that hides form.submit">
  <input type="hidden" name="append" value="and another">
  {% if multipart %}<label>Photo <input type="file" name="photo" multiple></label>{% endif %}
  <button name="action" value="save">Save</button>
</form></body></html>"""


def show_form(request: HttpRequest) -> HttpResponse:
    """Return the form, a page for all users. `to` is the URL that the form is sent to."""
    context = {"action": request.GET.get("to", PATH), "multipart": "multipart" in request.GET}
    return HttpResponse(engines["django"].from_string(_PAGE).render(context, request))


def _store(request: Any, user: Any) -> None:
    fields = {name: request.POST.getlist(name) for name in request.POST if name != "csrfmiddlewaretoken"}
    files = {name: [file.name for file in request.FILES.getlist(name)] for name in request.FILES}
    message = json.dumps({"path": request.get_full_path(), "fields": fields, "files": files})
    LogEntry.objects.create(user=user, action_flag=ADDITION, object_repr="note", change_message=message)


def read_rows() -> list[dict[str, Any]]:
    """Return what the views have stored."""
    return [
        {"user": row.user.get_username(), **json.loads(row.change_message)}
        for row in LogEntry.objects.select_related("user").order_by("pk")
    ]


def save(request: HttpRequest) -> HttpResponse:
    _store(request, request.user)
    return HttpResponse("<!doctype html><html lang='en'><title>Saved</title><link rel='icon' href='data:,'><h1>Saved")


async def save_async(request: Any) -> HttpResponse:
    await sync_to_async(_store)(request, await request.auser())
    return HttpResponse("saved")


def register(request: HttpRequest) -> HttpResponse:
    """Store a row for an anonymous user, and redirect to the login as to the next step."""
    if request.user.is_authenticated:
        return HttpResponseRedirect("/form/")
    _store(request, get_user_model().objects.get_or_create(username="registered")[0])
    return HttpResponseRedirect("/auth/login/")


def redirect(request: HttpRequest) -> HttpResponse:
    """Store a row for an anonymous user, and redirect to the URL of the query; without a `Location` if it has none."""
    assert request.user.is_anonymous
    _store(request, get_user_model().objects.get_or_create(username="registered")[0])
    return HttpResponse(status=302, headers={"Location": request.GET["url"]} if "url" in request.GET else {})


def sign_out_of_all(request: HttpRequest) -> HttpResponse:
    """Store a row, sign the user out and redirect to the login, which returns to this page."""
    _store(request, request.user)
    auth.logout(request)
    return redirect_to_login(request.get_full_path())


def refresh(request: Any) -> HttpResponse:
    """Store a row, then refresh the login."""
    _store(request, request.user)
    request.cognito.refresh()
    return HttpResponse("refreshed")


urlpatterns = [
    path("form/", show_form),
    path("notes/", login_required(save)),
    path("notes/async/", group_required("editors")(save_async)),
    path("notes/group/", group_required("editors")(save)),
    path("notes/exempt/", csrf_exempt(login_required(save))),
    path("notes/live/", live_check_required(by="directory")(save)),
    path("notes/permission/", permission_required("auth.add_group")(save)),
    path("notes/recent/", recent_sign_in_required(300)(save)),
    path("notes/recent/async/", recent_sign_in_required(300)(save_async)),
    path("notes/secret/", mfa_required(save)),
    path("register/", register),
    path("redirect/", redirect),
    path("own/", include(([path("notes/", login_required(save))], "admin"), namespace="own")),
    path("sign-out/", sign_out_of_all),
    path("refresh/", refresh),
    path("auth/", include("django_cognito.urls")),
    path("admin/", admin.site.urls),
]
