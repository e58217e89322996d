"""The journey: a person's way through the running site over real HTTP, step by step. Knows no Django."""
