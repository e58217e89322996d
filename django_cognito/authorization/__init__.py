"""Map Cognito groups and scopes to Django permissions. Must not depend on how a user is created or signs in."""
