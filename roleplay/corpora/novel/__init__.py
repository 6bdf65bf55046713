"""From a novel to dialogues: who says what, found by rules alone."""
