"""The setting `COGNITO`: declarations, validation and loading. Must not depend on models or requests."""
