"""Sign-in with other providers: the local Cognito as a client of an OpenID provider."""
