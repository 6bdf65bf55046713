"""Dialogues → token ids, loss mask and splits."""
