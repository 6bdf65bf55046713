"""Two ways to answer, compared blind: one prompt, two replies, a person who chooses."""
