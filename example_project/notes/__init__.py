"""Field notes: observations with a date and a place."""
