"""The pages about files. Addresses name a file, never a key: what they reach lies under the asker's own prefix."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse_lazy
from django.utils.functional import cached_property
from django.views import View
from django.views.generic import FormView, TemplateView

from .asking_aws import AsksAws
from .bucket import NameTakenError, NoSuchFileError, OwnFiles, is_name, listing, read
from .forms import IdentityForm, UploadForm
from .refusals import OF_THE_SERVICE, Refusal, explain

SOME_NAME = "diary.txt"  # AWS's refusal is the same whether there is such a file or not


@dataclass(frozen=True)
class Answer:
    """What was asked for, and AWS's refusal; None where it allowed it."""

    question: str
    refusal: Refusal | None


class OwnFilesPage(AsksAws):
    """A page about the files of the person who asks."""

    @cached_property
    def own_files(self) -> OwnFiles:
        """Theirs, and by their own credentials."""
        return OwnFiles(self.request.cognito.aws)


class FileList(OwnFilesPage, FormView):
    """My files, and the form for another one."""

    template_name = "files/file_list.html"
    form_class = UploadForm
    success_url = reverse_lazy("files:list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """One page of files, by name."""
        after = self.request.GET.get("after", "")
        return super().get_context_data(
            identity_id=self.own_files.identity_id,
            listing=self.own_files.listing(after=after),
            is_first=not after,
            **kwargs,
        )

    def form_valid(self, form: UploadForm) -> HttpResponse:
        """Store it; a file of the same name stays what it was."""
        file = form.cleaned_data["file"]
        try:
            self.own_files.put(file.name, file.file, form.content_type)
        except NameTakenError:
            form.add_error("file", "You have a file of this name. Delete that one first, or rename this one.")
            return self.form_invalid(form)
        messages.success(self.request, f"“{file.name}” is among your files.")
        return super().form_valid(form)


class OneFile(OwnFilesPage):
    """A page about one of my files, by its name."""

    def dispatch(self, request: HttpRequest, *args: Any, name: str, **kwargs: Any) -> HttpResponse:
        """What cannot be a name is not asked for."""
        if not is_name(name):
            raise Http404
        return super().dispatch(request, *args, name=name, **kwargs)


class FileDownload(OneFile, View):
    """Download a file: an uploaded file never runs as a page of this site."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """The file as it comes from S3, piece by piece."""
        try:
            found = self.own_files.read(name)
        except NoSuchFileError as error:
            raise Http404 from error
        return file_response(found, as_attachment=True, filename=name)


class FileDelete(OneFile, TemplateView):
    """Delete a file, after asking."""

    template_name = "files/file_confirm_delete.html"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Delete, and say so."""
        self.own_files.delete(name)
        messages.success(request, f"“{name}” was deleted.")
        return redirect("files:list")


class OtherUserFiles(AsksAws, FormView):
    """Try the files of another user: the request is sent to AWS unchanged, with the credentials of this user."""

    template_name = "files/other_user.html"
    form_class = IdentityForm
    http_method_names = ["get", "head", "options"]

    def get_form_kwargs(self) -> dict[str, Any]:
        """Asking changes nothing, so the question stands in the address."""
        return {**super().get_form_kwargs(), "data": self.request.GET or None}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form, with the responses of AWS if a user was entered."""
        form = self.get_form()
        answers = self._answers(form.cleaned_data["identity"]) if form.is_valid() else []
        return self.render_to_response(self.get_context_data(form=form, answers=answers))

    def _answers(self, identity_id: str) -> list[Answer]:
        aws, key = self.request.cognito.aws, f"{identity_id}/{SOME_NAME}"
        return [
            Answer("May I list their files?", _refusal_of(lambda: listing(aws, identity_id))),
            Answer(f"May I read their “{SOME_NAME}”?", _refusal_of(lambda: read(aws, key)["Body"].close())),
        ]


def _refusal_of(ask: Callable[[], Any]) -> Refusal | None:
    try:
        ask()
    except OF_THE_SERVICE as error:
        return explain(error)
    return None


def file_response(found: Any, **options: Any) -> FileResponse:
    """Stream the response of GetObject without storing a copy."""
    response = FileResponse(found["Body"], content_type=found["ContentType"], **options)
    response["Content-Length"] = found["ContentLength"]
    response["Cache-Control"] = "private, no-store"
    # Whatever it turns out to be, it is not a page: it runs nothing and loads nothing.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
