"""The permissions of the API. The settings name this class, so this module must not import views or serializers."""

from rest_framework import permissions

_VIEW_PERMISSION = ["%(app_label)s.view_%(model_name)s"]


class ModelPermissions(permissions.DjangoModelPermissions):
    """Django's model permissions, including "view": DRF's own class allows every user to read."""

    perms_map = {
        **permissions.DjangoModelPermissions.perms_map,
        "GET": _VIEW_PERMISSION,
        "HEAD": _VIEW_PERMISSION,
        "OPTIONS": _VIEW_PERMISSION,
    }
    # The response has a code, like the error responses of django_cognito.
    message = {"detail": "Your permissions do not allow this.", "code": "permission_required"}
    code = "permission_required"
