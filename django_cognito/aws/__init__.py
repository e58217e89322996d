"""Temporary AWS credentials and boto3 clients of a user."""
