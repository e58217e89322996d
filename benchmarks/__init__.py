"""Benchmarks of the package and its peers: `tox run -e bench`. They are not a part of the tests."""
