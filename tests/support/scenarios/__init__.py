"""Scenarios that tests build on: a browser login, a user pool with scripted keys, users and their groups."""
