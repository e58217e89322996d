"""The operations of the user-pool API that need no AWS credentials. Must not depend on Django or boto3."""
