import os

REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["rest_framework_simplejwt.authentication.JWTAuthentication"]}
SIMPLE_JWT = {
    "ALGORITHM": "RS256",
    "JWK_URL": os.environ["LOCAL_COGNITO"] + "/eu-west-1_AbCdEfGhI/.well-known/jwks.json",
    "ISSUER": os.environ["LOCAL_COGNITO"] + "/eu-west-1_AbCdEfGhI",
    "TOKEN_TYPE_CLAIM": "token_use",
    "USER_ID_CLAIM": "sub",
    "USER_ID_FIELD": "username",
}
