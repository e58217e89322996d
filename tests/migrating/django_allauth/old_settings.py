import os

INSTALLED_APPS += [
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.amazon_cognito",
]
MIDDLEWARE += ["allauth.account.middleware.AccountMiddleware"]
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
LOGIN_URL = "amazon_cognito_login"
SOCIALACCOUNT_LOGIN_ON_GET = True
SOCIALACCOUNT_PROVIDERS = {
    "amazon_cognito": {
        "DOMAIN": os.environ["LOCAL_COGNITO"],
        "APP": {"client_id": "1example23456789", "secret": os.environ["COGNITO_CLIENT_SECRET"]},
    }
}
