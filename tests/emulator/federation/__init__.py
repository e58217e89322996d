"""The local Cognito as a client of OpenID providers."""
