"""Readers: from a file to dialogues."""
