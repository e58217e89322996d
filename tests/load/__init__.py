"""Load tests. The short versions are in the test run; `python -m tests.load` runs the whole ones."""
