"""Mutation testing of core: `python -m tests.mutation --help`. What it found stands in README.md."""
