"""The identity pools of a local Cognito: from a login to an identity, and to credentials of a role."""
