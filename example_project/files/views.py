"""The files pages. A URL contains the name of a file and never an S3 key, so it reaches files of the user only."""

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

from .aws_errors import S3_ERRORS, AwsErrorInfo, describe_aws_error
from .bucket import NameTakenError, NoSuchFileError, UserFiles, is_valid_name, list_files, read_object
from .forms import IdentityForm, UploadForm
from .mixins import AwsErrorMixin

EXAMPLE_NAME = "diary.txt"  # AWS returns the same error whether this file exists or not


@dataclass(frozen=True)
class AccessResult:
    """The result of one request to AWS. `aws_error` is None if AWS allowed the request."""

    question: str
    aws_error: AwsErrorInfo | None


class UserFilesMixin(AwsErrorMixin):
    """A page about the files of the authenticated user."""

    @cached_property
    def user_files(self) -> UserFiles:
        """The files of the user, with the AWS credentials of the user."""
        return UserFiles(self.request.cognito.aws)


class FileListView(UserFilesMixin, FormView):
    """List the files of the user, and upload another one."""

    template_name = "files/file_list.html"
    form_class = UploadForm
    success_url = reverse_lazy("files:list")

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add one page of files, sorted by name."""
        after = self.request.GET.get("after", "")
        return super().get_context_data(
            identity_id=self.user_files.identity_id,
            listing=self.user_files.list(after=after),
            is_first=not after,
            **kwargs,
        )

    def form_valid(self, form: UploadForm) -> HttpResponse:
        """Store the file. A file with the same name is not replaced."""
        file = form.cleaned_data["file"]
        try:
            self.user_files.put(file.name, file.file, form.content_type)
        except NameTakenError:
            form.add_error("file", "You have a file with this name. Delete that file or rename the new one.")
            return self.form_invalid(form)
        messages.success(self.request, f"“{file.name}” was uploaded.")
        return super().form_valid(form)


class FileNameMixin(UserFilesMixin):
    """A page about one file of the user. The URL contains its name."""

    def dispatch(self, request: HttpRequest, *args: Any, name: str, **kwargs: Any) -> HttpResponse:
        """Raise Http404 for an invalid name, without a request to AWS."""
        if not is_valid_name(name):
            raise Http404
        return super().dispatch(request, *args, name=name, **kwargs)


class FileDownloadView(FileNameMixin, View):
    """Download a file. The browser never displays an uploaded file as a page of this site."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """Stream the file from S3."""
        try:
            s3_response = self.user_files.read(name)
        except NoSuchFileError as error:
            raise Http404 from error
        return build_file_response(s3_response, as_attachment=True, filename=name)


class FileDeleteView(FileNameMixin, TemplateView):
    """Delete a file. GET shows a confirmation page."""

    template_name = "files/file_confirm_delete.html"

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """Delete the file and show a message."""
        self.user_files.delete(name)
        messages.success(request, f"“{name}” was deleted.")
        return redirect("files:list")


class OtherUserFilesView(AwsErrorMixin, FormView):
    """Try the files of another user: the request is sent to AWS unchanged, with the credentials of this user."""

    template_name = "files/other_user.html"
    form_class = IdentityForm
    http_method_names = ["get", "head", "options"]

    def get_form_kwargs(self) -> dict[str, Any]:
        """Read the form from the query string: the request changes nothing, so it uses GET."""
        return {**super().get_form_kwargs(), "data": self.request.GET or None}

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the form, with the responses of AWS if an identity was entered."""
        form = self.get_form()
        results = self._try_access(form.cleaned_data["identity"]) if form.is_valid() else []
        return self.render_to_response(self.get_context_data(form=form, results=results))

    def _try_access(self, identity_id: str) -> list[AccessResult]:
        aws, key = self.request.cognito.aws, f"{identity_id}/{EXAMPLE_NAME}"
        return [
            AccessResult("May I list their files?", _get_aws_error(lambda: list_files(aws, identity_id))),
            AccessResult(
                f"May I read their “{EXAMPLE_NAME}”?",
                _get_aws_error(lambda: read_object(aws, key)["Body"].close()),
            ),
        ]


def _get_aws_error(send_request: Callable[[], Any]) -> AwsErrorInfo | None:
    try:
        send_request()
    except S3_ERRORS as error:
        return describe_aws_error(error)
    return None


def build_file_response(s3_response: Any, **options: Any) -> FileResponse:
    """Stream the response of GetObject without storing a copy."""
    response = FileResponse(s3_response["Body"], content_type=s3_response["ContentType"], **options)
    response["Content-Length"] = s3_response["ContentLength"]
    response["Cache-Control"] = "private, no-store"
    # A browser that displays the file nevertheless runs no script and loads nothing.
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    response["X-Content-Type-Options"] = "nosniff"
    return response
