"""The AWS credentials of a person."""
