"""The attributes of a Cognito user: read from claims, compared with what was applied, and set in fields of models."""
