"""My files: what people keep in S3, each under a prefix of their own, by AWS credentials of their own."""
