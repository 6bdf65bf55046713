"""From history to replies, and where conversations are kept."""
