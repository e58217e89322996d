"""Create, link and update Django users: one at a sign-in, or pages of the directory in sets. The only writer."""
