"""The notebooks of field stations. A station is a tenant: only its members read its notebook."""
