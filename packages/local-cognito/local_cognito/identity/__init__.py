"""The identity pools of a local Cognito: a login becomes an identity, an identity the credentials of a role."""
