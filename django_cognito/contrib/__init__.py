"""Support for other packages, a module each. A module is imported only if its package is installed."""
