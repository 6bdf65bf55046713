"""Tuning by choices: pairs of replies, or a reward, move an adapter away from where it starts."""
