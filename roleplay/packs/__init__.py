"""A character as one file that anyone can trust."""
