"""The OAuth endpoints and the documents beside them."""
