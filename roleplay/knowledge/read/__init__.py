"""Readers: files of many formats as blocks of text, without trust in any of them."""
