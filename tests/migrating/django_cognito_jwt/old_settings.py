REST_FRAMEWORK = {"DEFAULT_AUTHENTICATION_CLASSES": ["mysite.local_authentication.LocalAuthentication"]}
COGNITO_AWS_REGION = "eu-west-1"
COGNITO_USER_POOL = "eu-west-1_AbCdEfGhI"
COGNITO_AUDIENCE = "1example23456789"
