"""The app. `ready()` adds `request.cognito.datasets`; no I/O."""

from django.apps import AppConfig, apps
from django.contrib.auth import get_user_model
from django.db.models.signals import pre_delete
from django.utils.translation import gettext_lazy as _


class DatasetsConfig(AppConfig):
    """`django_cognito.datasets` in INSTALLED_APPS."""

    name = "django_cognito.datasets"
    label = "cognito_datasets"
    verbose_name = _("Datasets of users")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Let `request.cognito.datasets` return the datasets of the user, and delete them before the user is."""
        from ..web.request import RequestCognito
        from .access import RequestDatasets
        from .writing import delete_datasets

        RequestCognito.datasets_type = RequestDatasets
        for model in apps.get_models():
            # Django sends the signals of a proxy as the proxy's.
            if model._meta.concrete_model is get_user_model()._meta.concrete_model:
                pre_delete.connect(delete_datasets, sender=model, dispatch_uid="django_cognito.datasets.writing")
