"""The Django users: local accounts, the site's own rules (`UserAdapter`), users of machine-to-machine clients."""
