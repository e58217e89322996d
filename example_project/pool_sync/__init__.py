"""A page that synchronizes Django's users with the whole user pool and shows the progress."""
