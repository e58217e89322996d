"""Facts about Amazon Cognito that the package relies on, checked against a real user pool and identity pool."""
