"""Sign-up, password reset and attribute verification, by codes that are sent to the user."""
