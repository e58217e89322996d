"""Runs Fieldnotes on one machine: a local Cognito, a database, the site. Not needed by the site itself."""
