"""Coverage-guided fuzzing of core: `python -m tests.fuzz --help`."""
