"""Helper modules of the tests of local_cognito. Must not depend on django_cognito."""
