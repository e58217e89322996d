"""The pages of a signed-in user: the user's own logins. The rules are in `sessions`."""
