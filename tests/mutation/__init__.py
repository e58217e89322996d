"""Mutation testing of core: `python -m tests.mutation --help`. The results are in README.md."""
