"""Sign-in through somebody else: the local Cognito as a client of an OpenID provider."""
