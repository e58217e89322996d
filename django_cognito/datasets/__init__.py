"""Records of a user that all devices of the user share: an app of its own, `django_cognito.datasets`."""
