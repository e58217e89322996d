"""Verify Cognito's JSON web tokens. Must not depend on Django."""
