import os

INSTALLED_APPS += ["mozilla_django_oidc"]
MIDDLEWARE += ["mozilla_django_oidc.middleware.SessionRefresh"]
AUTHENTICATION_BACKENDS = ["mozilla_django_oidc.auth.OIDCAuthenticationBackend"]
LOGIN_URL = "oidc_authentication_init"
OIDC_RP_CLIENT_ID = "1example23456789"
OIDC_RP_CLIENT_SECRET = os.environ["COGNITO_CLIENT_SECRET"]
OIDC_RP_SIGN_ALGO = "RS256"
OIDC_OP_AUTHORIZATION_ENDPOINT = os.environ["LOCAL_COGNITO"] + "/oauth2/authorize"
OIDC_OP_TOKEN_ENDPOINT = os.environ["LOCAL_COGNITO"] + "/oauth2/token"
OIDC_OP_USER_ENDPOINT = os.environ["LOCAL_COGNITO"] + "/oauth2/userInfo"
OIDC_OP_JWKS_ENDPOINT = os.environ["LOCAL_COGNITO"] + "/eu-west-1_AbCdEfGhI/.well-known/jwks.json"
