"""The pages of the guide, each followed exactly in a new project."""
