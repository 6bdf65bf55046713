"""One adapter against the one before it."""
