"""Store and refresh the tokens of signed-in users. Must not depend on views or on `request.cognito`."""
