"""The AWS account of a local Cognito: moto's S3, DynamoDB, STS and IAM with authorization of every request."""
