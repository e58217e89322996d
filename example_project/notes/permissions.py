"""Who may do what at the API: Django's model permissions. DRF imports this file by the settings, so it stands alone."""

from rest_framework import permissions

_READ = ["%(app_label)s.view_%(model_name)s"]


class ModelPermissions(permissions.DjangoModelPermissions):
    """Django's model permissions, the one for reading included: DRF's own class allows every user to read."""

    perms_map = {**permissions.DjangoModelPermissions.perms_map, "GET": _READ, "HEAD": _READ, "OPTIONS": _READ}
    # A refusal with a code, like those of django_cognito.
    message = {"detail": "Your permissions do not allow this.", "code": "permission_required"}
    code = "permission_required"
