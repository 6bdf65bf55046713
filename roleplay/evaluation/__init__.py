"""Reports for a tuned character against its base."""
