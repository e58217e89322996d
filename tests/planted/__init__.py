"""Planted faults: small patches that each break one promise of the package, and the runner that tries them."""
