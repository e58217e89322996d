"""The OAuth endpoints and the public documents of the pools."""
