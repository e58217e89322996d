"""A verified token becomes a person with rights."""
