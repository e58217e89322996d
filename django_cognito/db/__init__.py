"""Database transactions that are retried after a conflict. Must not depend on users or sessions."""
