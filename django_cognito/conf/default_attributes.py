"""The default of ATTRIBUTES: the fields of it that the user model has. No I/O."""

from django.apps import apps
from django.contrib.auth import get_user_model

from .attribute_targets import get_plain_field_names
from .schema import DEFAULT_ATTRIBUTES


def get_default_attributes() -> dict[str, str]:
    """Return the default of ATTRIBUTES without fields that the user model lacks; all before the models are loaded."""
    if not apps.models_ready:
        return dict(DEFAULT_ATTRIBUTES)
    names = get_plain_field_names(get_user_model())
    return {name: claim for name, claim in DEFAULT_ATTRIBUTES.items() if name in names}
