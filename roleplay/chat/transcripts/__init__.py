"""Conversations as files: for people, for other programs, and whole."""
