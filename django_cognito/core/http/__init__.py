"""The HTTP client for Cognito's endpoints, with a deadline for the whole call. Must not depend on Django."""
