"""Proofs that take minutes: what docs/preferences.md claims of `pocket`, made again by one command each."""
