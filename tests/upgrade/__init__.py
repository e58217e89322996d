"""An upgrade from an older state of the package: its database is migrated, and its users stay signed in."""
