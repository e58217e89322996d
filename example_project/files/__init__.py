"""My files: users store files in S3 with their own AWS credentials, each under their own prefix."""
