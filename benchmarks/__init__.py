"""Side-by-side measurements against the peers, rerunnable: `tox run -e bench`. Never part of the tests."""
