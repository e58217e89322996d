"""The initial data of a local Cognito."""
