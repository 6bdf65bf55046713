"""Tavern cards, the format of other programs, to and from our own card; no file here knows corpora."""
