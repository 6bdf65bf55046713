"""From one row of a known form to a dialogue, a pair or a text."""
