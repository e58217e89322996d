"""The AWS account behind a local Cognito: moto's S3, DynamoDB, STS and IAM, with a door of our own before them."""
