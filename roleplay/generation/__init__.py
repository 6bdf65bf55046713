"""Lanes: base and persona, prefix on and off, answered in one batch on one weight load."""
