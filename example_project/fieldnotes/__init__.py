"""The project: settings, addresses, and the pages that are not about notes."""
