"""The project Fieldnotes: settings, URLs, the home page and the profile page."""
