"""The hosted UI."""
