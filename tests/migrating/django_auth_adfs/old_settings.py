import os

INSTALLED_APPS += ["django_auth_adfs"]
AUTHENTICATION_BACKENDS = ["django_auth_adfs.backend.AdfsAuthCodeBackend"]
LOGIN_URL = "django_auth_adfs:login"
AUTH_ADFS = {
    "SERVER": os.environ["ADFS_SERVER"],
    "CA_BUNDLE": os.environ["ADFS_CA_BUNDLE"],
    "CLIENT_ID": "the-site",
    "RELYING_PARTY_ID": "the-site",
    "AUDIENCE": "the-site",
    "USERNAME_CLAIM": "upn",
    "CLAIM_MAPPING": {"email": "email"},
    "GROUPS_CLAIM": "group",
    "MIRROR_GROUPS": True,
    "GROUP_TO_FLAG_MAPPING": {"is_staff": "Admins"},
}
