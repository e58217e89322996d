"""The AWS API of user pools."""
