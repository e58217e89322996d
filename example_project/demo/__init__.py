"""Run Fieldnotes on one machine: a local Cognito, a database, the site. The site itself does not need this app."""
