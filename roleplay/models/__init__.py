"""Find and load a base, attach an adapter; torch starts here."""
