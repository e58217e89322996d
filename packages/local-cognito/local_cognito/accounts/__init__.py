"""Who is who in the local Cognito, and what they are given."""
