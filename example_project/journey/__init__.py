"""The journey: end-to-end steps through the running site over HTTP. This package does not depend on Django."""
