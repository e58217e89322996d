"""Users, groups, app clients and identity providers of the user pools, and their tokens."""
