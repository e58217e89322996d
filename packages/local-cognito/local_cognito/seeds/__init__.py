"""What a local Cognito begins with."""
